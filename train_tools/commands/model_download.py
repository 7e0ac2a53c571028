"""`model download`: where a model comes from and goes to, with its progress."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from train_tools.base_model.places import BASE, LORA, VAE, folder_for_new
from train_tools.commands.output import Output
from train_tools.environment import mirror_choice, program
from train_tools.environment.download import Wanted, download
from train_tools.environment.model_source import SHA256, find, safe_name
from train_tools.environment.network import network_of
from train_tools.errors import UsageError

KINDS = (BASE, LORA, VAE)
EVERY_S = 2.0  # between two lines of progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="an address, or a Hugging Face id: owner/name, owner/name:file, owner/name@revision:file",
    )
    parser.add_argument(
        "--to",
        default="base",
        metavar="KIND|FOLDER",
        help=f"{', '.join(KINDS)}: into the webui's folder for it, without a webui into <root>/models; or a folder",
    )
    parser.add_argument("--name", metavar="NAME", help="call the file so")
    parser.add_argument("--sha256", default="", metavar="HEX", help="refuse a file with another hash")


def run(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.sha256 and not SHA256.fullmatch(arguments.sha256):
        raise UsageError("--sha256 wants 64 hex digits")
    settings = program.read(arguments.root)
    mirror_choice.find_out(arguments.root, settings, ("hugging_face", "github"))
    network = network_of(arguments.root)
    source = find(arguments.source, network)
    if arguments.sha256 and source.sha256 and source.sha256 != arguments.sha256.lower():
        raise UsageError(f"{source.url} has the SHA-256 {source.sha256}, not the one that was given")
    target = folder_for(arguments.to, arguments.root) / (
        safe_name(arguments.name) if arguments.name else source.name
    )
    wanted = Wanted(source.url, target, arguments.sha256 or source.sha256)
    out.say(f"{network.address(source.url)} -> {target}")
    file = download(wanted, network, Progress(out).report)
    checked = "its hash is right" if wanted.sha256 else "nobody told its hash"
    out.say(f"{file} is there ({file.stat().st_size / 2**20:.1f} MiB; {checked})")
    out.document({"file": str(file), "url": source.url, "sha256": wanted.sha256, "size": file.stat().st_size})
    return 0


def folder_for(kind: str, root: Path) -> Path:
    """Of a kind: as the webui that last started us has it; a folder: itself."""
    if kind not in KINDS:
        if "/" not in kind and "\\" not in kind and not Path(kind).is_dir():
            raise UsageError(
                f"--to {kind!r} is neither a kind ({', '.join(KINDS)}) nor a folder that is there"
            )
        return Path(kind).expanduser()
    return folder_for_new(kind, root)


class Progress:
    """A line now and then, with what is left to wait."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._started = self._said = time.monotonic()
        self._first: int | None = None

    def report(self, done: int, total: int) -> None:
        if self._first is None:
            self._first = done
            if done:
                self._out.say(f"going on after {done / 2**20:.1f} MiB")
        now = time.monotonic()
        if now - self._said < EVERY_S:
            return
        self._said = now
        rate = (done - self._first) / (now - self._started)
        share = f" of {total / 2**20:.0f}" if total else ""
        left = f", {(total - done) / rate:.0f} s left" if total and rate else ""
        self._out.say(f"  {done / 2**20:.0f}{share} MiB, {rate / 2**20:.1f} MiB/s{left}")
