"""One file from the network: goes on where it was cut off, is checked, and appears whole or not at all.

What has come lies in `.<name>.part` beside the target, with a note of what it is a part of.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import json
import shutil
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.environment import lock
from train_tools.environment.network import Network
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import replace, write_json

CHUNK = 1 << 20  # bytes
ATTEMPTS = 5  # in a row that bring nothing
WAIT_S = 1.0  # before the second attempt; doubled for each after it
RETRIED = (408, 425, 429, 500, 502, 503, 504)

Report = Callable[[int, int], None]  # bytes done, bytes of all (0 where unknown)


def silent(_done: int, _total: int) -> None:
    pass


@dataclass(frozen=True)
class Wanted:
    """`sha256` in hex digits, empty where it isn't known."""

    url: str
    target: Path
    sha256: str = ""


class CancelledError(TrainToolsError):
    """It was asked to stop; what has come is kept."""


class _CutOffError(Exception):
    """Worth another attempt."""


def download(
    wanted: Wanted,
    network: Network,
    report: Report = silent,
    cancelled: Callable[[], bool] = lambda: False,
    wait_s: float = WAIT_S,
) -> Path:
    """The target. One that is there already is taken where its hash is the wanted one.

    Raises UsageError where the target is taken, the disk is too small, or what is asked for isn't there;
    TrainToolsError where the network or the hash fails; CancelledError.
    """
    if wanted.target.exists():
        return _taken(wanted)
    wanted.target.parent.mkdir(parents=True, exist_ok=True)
    guard = _part(wanted).with_suffix(".lock")
    with lock.held(guard, lambda: _refuse(wanted)):
        _fetch_all(wanted, network, report, cancelled, wait_s)
        _check_hash(wanted)
        replace(_part(wanted), wanted.target)
        _note(wanted).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        guard.unlink()
    return wanted.target


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _taken(wanted: Wanted) -> Path:
    if wanted.sha256 and wanted.target.is_file() and sha256_of(wanted.target) == wanted.sha256.lower():
        return wanted.target
    raise UsageError(f"{wanted.target} is there already; give another name, or move it away")


def _refuse(wanted: Wanted) -> None:
    raise UsageError(f"another process is downloading {wanted.target}; wait until it is done or stop it")


def _part(wanted: Wanted) -> Path:
    return wanted.target.with_name(f".{wanted.target.name}.part")


def _note(wanted: Wanted) -> Path:
    return wanted.target.with_name(f".{wanted.target.name}.json")


def _fetch_all(
    wanted: Wanted, network: Network, report: Report, cancelled: Callable[[], bool], wait_s: float
) -> None:
    """Until the part is whole."""
    failures = 0
    while True:
        before = _size(_part(wanted))
        try:
            _fetch(wanted, network, report, cancelled)
            return
        except _CutOffError as error:
            failures = 1 if _size(_part(wanted)) > before else failures + 1
            if failures >= ATTEMPTS:
                raise TrainToolsError(
                    f"{wanted.url} can't be fetched ({error}); check the network, the proxy and the mirrors with "
                    "`env settings`, and start again: it goes on from here"
                ) from error
        until = time.monotonic() + wait_s * 2 ** (failures - 1)
        while time.monotonic() < until:
            _stop_if(cancelled, wanted)
            time.sleep(min(0.1, wait_s))


def _fetch(wanted: Wanted, network: Network, report: Report, cancelled: Callable[[], bool]) -> None:
    """One attempt; raises _CutOffError where another may do better."""
    part = _part(wanted)
    known = _read_note(wanted)
    start = _size(part) if known else 0
    headers = {"Range": f"bytes={start}-", "If-Range": known["tag"]} if start else {}
    try:
        with network.open(wanted.url, headers) as response:
            start = _accepted(response, start)
            total = _total(response, start)
            _note_down(wanted, response)
            _require_space(wanted, total - start)
            with part.open("r+b" if start else "wb") as file:
                file.truncate(start)
                file.seek(start)
                done = start
                report(done, total)
                while block := response.read1(CHUNK):
                    _stop_if(cancelled, wanted)
                    _write(file, block, wanted)
                    done += len(block)
                    report(done, total)
            if total and done < total:
                raise _CutOffError(f"the connection ended after {done} of {total} bytes")
    except urllib.error.HTTPError as error:
        _judge(error, wanted, start)
    except urllib.error.URLError as error:
        if "unknown url type" in str(error.reason):
            raise UsageError(
                f"{wanted.url} can't be fetched through a socks proxy; give the proxy's http address"
            ) from error
        raise _CutOffError(str(error.reason)) from error
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _CutOffError(str(error) or type(error).__name__) from error


def _accepted(response: Any, start: int) -> int:
    """Where the answer begins: at `start`, or at 0 where the server gives all of it (it is another file now)."""
    if response.status != 206:
        return 0
    begin = str(response.headers.get("Content-Range", "")).removeprefix("bytes ").partition("-")[0]
    if begin != str(start):
        raise _CutOffError("the server gave another part than was asked for")
    return start


def _total(response: Any, start: int) -> int:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if str(length).isdigit() else 0


def _note_down(wanted: Wanted, response: Any) -> None:
    """Only what has a mark by which a change is seen can be gone on with."""
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    if tag and not tag.startswith("W/"):
        write_json(_note(wanted), {"url": wanted.url, "tag": tag})
    else:
        _note(wanted).unlink(missing_ok=True)


def _read_note(wanted: Wanted) -> dict[str, str]:
    try:
        note = json.loads(_note(wanted).read_text(encoding="utf-8"))
        return note if note["url"] == wanted.url and isinstance(note["tag"], str) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _require_space(wanted: Wanted, needed: int) -> None:
    free = shutil.disk_usage(wanted.target.parent).free
    if needed > free:
        raise UsageError(
            f"{wanted.target.name} needs {needed / 2**30:.1f} GiB more in {wanted.target.parent}, "
            f"where {free / 2**30:.1f} are free; free some, or choose another folder with --to"
        )


def _write(file: Any, block: bytes, wanted: Wanted) -> None:
    try:
        file.write(block)
        file.flush()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise TrainToolsError(
            f"the disk of {wanted.target.parent} is full; free some, and start again: it goes on from here"
        ) from error


def _judge(error: urllib.error.HTTPError, wanted: Wanted, start: int) -> None:
    """Raises what the server's answer means."""
    if error.code == 416 and start:
        # The part is as long as the file, or longer than what is there now.
        size = str(error.headers.get("Content-Range", "")).rpartition("/")[2]
        if size == str(start):
            return
        _part(wanted).unlink(missing_ok=True)
        raise _CutOffError("the file has changed") from error
    if error.code in RETRIED:
        raise _CutOffError(f"the server says {error.code} {error.reason}") from error
    if error.code in (401, 403):
        raise UsageError(
            f"{wanted.url} wants a login ({error.code}): accept its licence on its page where it has one, "
            "and give your token in the program's settings (hugging_face_token, civitai_token)"
        ) from error
    raise UsageError(f"{wanted.url} can't be had ({error.code} {error.reason}); check the address") from error


def _stop_if(cancelled: Callable[[], bool], wanted: Wanted) -> None:
    if cancelled():
        raise CancelledError(
            f"stopped; what has come of {wanted.target.name} is kept, and the next start goes on from there"
        )


def _check_hash(wanted: Wanted) -> None:
    if not wanted.sha256:
        return
    found = sha256_of(_part(wanted))
    if found != wanted.sha256.lower():
        _part(wanted).unlink()
        _note(wanted).unlink(missing_ok=True)
        raise TrainToolsError(
            f"what came from {wanted.url} has the SHA-256 {found} where {wanted.sha256.lower()} was wanted, and was "
            "thrown away; start again, or take another mirror"
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
