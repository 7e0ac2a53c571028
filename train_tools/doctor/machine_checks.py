"""Python, system, disk, folders, ports: what the program stands on. Each check looks and changes nothing for good."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import sys
from pathlib import Path

from train_tools.doctor.finding import FAIL, OK, WARN, Finding

OLDEST, NEWEST = (3, 10), (3, 13)  # what the locks are made for and tried with
GIB = 2**30
FULL_GIB, LITTLE_GIB = 2.0, 10.0  # a version's checkpoints and states; an environment


def python(
    version: tuple[int, int] = sys.version_info[:2], bits: int = 64 if sys.maxsize > 2**32 else 32
) -> Finding:
    text = f"Python {'.'.join(map(str, version))}, {bits} bit, {sys.executable}"
    if bits != 64 or version < OLDEST:
        return Finding("python", FAIL, text, "install Python 3.10 to 3.13 in 64 bit, and start with that")
    if version > NEWEST:
        return Finding(
            "python", WARN, text, "some packages may not be there for it yet; 3.10 to 3.13 are tried"
        )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")) and not shutil.which("uv"):
        return Finding("python", FAIL, f"{text}, can't make environments", "install python3-venv, or uv")
    return Finding("python", OK, text)


def git() -> Finding:
    found = shutil.which("git")
    if found:
        return Finding("git", OK, found)
    return Finding(
        "git", WARN, "git isn't there", "sd-scripts then comes as a zip archive; nothing needs to be done"
    )


def disk(name: str, folder: Path) -> Finding:
    """The disk of a folder that may not be there yet."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        free = shutil.disk_usage(there).free / GIB
    except OSError as error:
        return Finding(f"disk-{name}", WARN, f"{there} can't be looked at ({error.strerror})")
    text = f"{free:.1f} GiB are free at {there}"
    if free < FULL_GIB:
        return Finding(f"disk-{name}", FAIL, text, "free some: `env remove`, the trash, old runs")
    if free < LITTLE_GIB:
        return Finding(f"disk-{name}", WARN, text, "a new environment or many checkpoints may not fit")
    return Finding(f"disk-{name}", OK, text)


def permissions(name: str, folder: Path) -> Finding:
    """Whether files can be made, renamed over another and deleted there."""
    if not folder.is_dir():
        return Finding(f"write-{name}", OK, f"{folder} isn't there yet")
    probe = folder / f".tmp-doctor-{secrets.token_hex(4)}"
    other = probe.with_name(f"{probe.name}-2")
    try:
        probe.write_bytes(b"1")
        other.write_bytes(b"2")
        other.replace(probe)
        if probe.read_bytes() != b"2":
            raise OSError("what was written isn't there")
    except OSError as error:
        fix = "allow writing there, or name another folder with --root or TRAIN_TOOLS_ENV"
        return Finding(f"write-{name}", FAIL, f"{folder} can't be written ({error.strerror or error})", fix)
    finally:
        for path in (probe, other):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue
    return Finding(f"write-{name}", OK, f"{folder} can be written")


def loopback() -> Finding:
    """Whether programs on this machine reach each other, as page, webui and worker do."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(5)
            with socket.create_connection(server.getsockname(), timeout=5) as client:
                peer, _ = server.accept()
                with peer:
                    client.sendall(b"1")
                    peer.recv(1)
    except OSError as error:
        return Finding(
            "ports", FAIL, f"127.0.0.1 can't be used ({error})", "let the firewall allow this machine itself"
        )
    return Finding("ports", OK, "programs on this machine reach each other")


def port(number: int) -> Finding:
    try:
        with socket.create_server(("127.0.0.1", number)):
            pass
    except OSError as error:
        return Finding(
            f"port-{number}", FAIL, f"port {number} is taken or not allowed ({error.strerror})",
            "end the program that has it, or choose another with --port",
        )  # fmt: skip
    return Finding(f"port-{number}", OK, f"port {number} is free")


def windows(system: Path, long_paths: int | None, code_page: int) -> list[Finding]:
    """`system` is System32; `long_paths` the registry's LongPathsEnabled, None where it isn't there."""
    missing = [
        n for n in ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll") if not (system / n).is_file()
    ]
    runtime = (
        Finding(
            "vc-runtime", FAIL, f"Windows lacks {', '.join(missing)}", "install Microsoft's vc_redist.x64"
        )
        if missing
        else Finding("vc-runtime", OK, "the Visual C++ runtime is there")
    )
    paths = (
        Finding("long-paths", OK, "long paths are allowed")
        if long_paths == 1
        else Finding(
            "long-paths", WARN, "paths of more than 260 characters are not allowed",
            "as administrator set LongPathsEnabled=1 (DWORD) in HKLM\\SYSTEM\\CurrentControlSet\\Control\\FileSystem",
        )
    )  # fmt: skip
    utf8 = (
        Finding(
            "utf8-mode", WARN, "Windows uses UTF-8 for all programs (a beta); older ones then show garbled text",
            "only where text is garbled: untick it in Region, Administrative, Change system locale",
        )
        if code_page == 65001
        else Finding("utf8-mode", OK, f"code page {code_page}; our own processes use UTF-8")
    )  # fmt: skip
    return [runtime, paths, utf8]


def this_windows() -> list[Finding]:
    """Empty on other systems."""
    if sys.platform == "win32":
        import ctypes

        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        return windows(system, _long_paths_enabled(), int(ctypes.windll.kernel32.GetACP()))
    return []


def _long_paths_enabled() -> int | None:
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(
                winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem"
            ) as key:
                return int(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        except OSError:
            return None
    return None
