"""A download over a connection that fails in every way that real ones do."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from environment.files_server import Files, serving

from train_tools.environment import download as module
from train_tools.environment.download import CancelledError, Wanted, download
from train_tools.environment.network import Network
from train_tools.errors import TrainToolsError, UsageError

DATA = random.Random(0).randbytes(3_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as served:
        served.content["/model.safetensors"] = DATA
        yield served


@pytest.fixture
def wanted(files: Files, tmp_path: Path) -> Wanted:
    return Wanted(f"{files.address}/model.safetensors", tmp_path / "new" / "model.safetensors", SHA256)


def fetch(wanted: Wanted, **options: Any) -> Path:
    return download(wanted, Network(), wait_s=0.01, **options)


def left(wanted: Wanted) -> list[str]:
    return sorted(path.name for path in wanted.target.parent.iterdir())


def test_a_whole_file_and_nothing_else(wanted: Wanted) -> None:
    seen: list[tuple[int, int]] = []
    assert fetch(wanted, report=lambda done, total: seen.append((done, total))) == wanted.target
    assert wanted.target.read_bytes() == DATA
    assert left(wanted) == ["model.safetensors"]
    assert seen[0] == (0, len(DATA))
    assert seen[-1] == (len(DATA), len(DATA))
    assert seen == sorted(seen)


def test_a_cut_connection_is_gone_on_with(files: Files, wanted: Wanted) -> None:
    files.cuts = [1_000_000, 700_000, 5]
    fetch(wanted)
    assert wanted.target.read_bytes() == DATA
    assert files.ranges == ["", "bytes=1000000-", "bytes=1700000-", "bytes=1700005-"]


def test_the_next_start_goes_on(files: Files, wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    files.cuts = [2_000_000]
    with pytest.raises(TrainToolsError, match="it goes on from here"):
        fetch(wanted)
    assert not wanted.target.exists()
    fetch(wanted)
    assert wanted.target.read_bytes() == DATA
    assert files.ranges[-1] == "bytes=2000000-"


def test_another_file_behind_the_same_address_is_begun_anew(files: Files, wanted: Wanted) -> None:
    files.cuts = [2_000_000]
    with pytest.raises(CancelledError):
        fetch(
            wanted,
            cancelled=lambda: len(files.requests) == 1 and not files.cuts and _size(wanted) > 1_900_000,
        )
    newer = DATA[::-1]
    files.content["/model.safetensors"] = newer
    fetch(Wanted(wanted.url, wanted.target, hashlib.sha256(newer).hexdigest()))
    assert wanted.target.read_bytes() == newer


def _size(wanted: Wanted) -> int:
    part = wanted.target.with_name(".model.safetensors.part")
    return part.stat().st_size if part.exists() else 0


def test_a_server_without_ranges(files: Files, wanted: Wanted) -> None:
    files.with_ranges = False
    files.cuts = [2_000_000]
    fetch(wanted)
    assert wanted.target.read_bytes() == DATA


def test_a_part_that_is_whole_already(files: Files, wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        fetch(wanted)
    monkeypatch.undo()
    fetch(wanted)
    assert wanted.target.read_bytes() == DATA
    assert files.ranges == ["", f"bytes={len(DATA)}-"]


def test_stopping_keeps_what_has_come(files: Files, wanted: Wanted) -> None:
    with pytest.raises(CancelledError, match="goes on from there"):
        fetch(wanted, cancelled=lambda: _size(wanted) >= 1_000_000)
    assert _size(wanted) >= 1_000_000
    assert not wanted.target.exists()
    fetch(wanted)
    assert wanted.target.read_bytes() == DATA
    assert files.ranges[-1].startswith("bytes=")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(files: Files, wanted: Wanted, status: int) -> None:
    files.statuses = [status, status]
    fetch(wanted)
    assert len(files.requests) == 3


def test_a_server_that_stays_in_trouble(files: Files, wanted: Wanted) -> None:
    files.statuses = [503] * 20
    with pytest.raises(TrainToolsError, match="503"):
        fetch(wanted)
    assert len(files.requests) == module.ATTEMPTS


@pytest.mark.parametrize(
    ("status", "says"), [(404, "check the address"), (401, "hugging_face_token"), (403, "licence")]
)
def test_what_no_second_attempt_mends(files: Files, wanted: Wanted, status: int, says: str) -> None:
    files.statuses = [status]
    with pytest.raises(UsageError, match=says):
        fetch(wanted)
    assert len(files.requests) == 1
    assert not wanted.target.exists()


def test_nobody_listens(files: Files, wanted: Wanted) -> None:
    with pytest.raises(TrainToolsError, match="check the network"):
        fetch(Wanted("http://127.0.0.1:9/model.safetensors", wanted.target))


def test_a_wrong_hash_is_thrown_away(wanted: Wanted) -> None:
    with pytest.raises(TrainToolsError, match="thrown away"):
        fetch(Wanted(wanted.url, wanted.target, "0" * 64))
    assert left(wanted) == [".model.safetensors.lock"]


def test_a_file_that_is_there_is_never_overwritten(files: Files, wanted: Wanted) -> None:
    wanted.target.parent.mkdir()
    wanted.target.write_bytes(b"mine")
    for sha256 in ("", SHA256):
        with pytest.raises(UsageError, match="is there already"):
            fetch(Wanted(wanted.url, wanted.target, sha256))
    assert wanted.target.read_bytes() == b"mine"
    wanted.target.write_bytes(DATA)
    assert fetch(wanted) == wanted.target
    assert files.requests == []


def test_a_small_disk_is_told_before(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.disk_usage

    def usage(path: Path) -> Any:
        return real(path)._replace(free=1_000_000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(UsageError, match="--to"):
        fetch(wanted)


def test_a_disk_that_fills_up(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._write
    full = True

    def write(file: Any, block: bytes, asked: Wanted) -> None:
        class Full:
            def write(self, data: bytes) -> None:
                if full and file.tell() > 500_000:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                file.write(data)

            def flush(self) -> None:
                file.flush()

        real(Full(), block, asked)

    monkeypatch.setattr(module, "_write", write)
    with pytest.raises(TrainToolsError, match="is full"):
        fetch(wanted)
    assert not wanted.target.exists()
    full = False
    fetch(wanted)
    assert wanted.target.read_bytes() == DATA


def test_two_at_once(wanted: Wanted) -> None:
    def second(done: int, total: int) -> None:
        with pytest.raises(UsageError, match="another process"):
            fetch(wanted)

    fetch(wanted, report=second)
    assert wanted.target.read_bytes() == DATA


def test_offline_nothing_is_asked(files: Files, wanted: Wanted) -> None:
    with pytest.raises(UsageError, match="offline"):
        download(wanted, Network(offline=True))
    assert files.requests == []


def test_a_login_is_not_told_to_another_host(files: Files, tmp_path: Path) -> None:
    """`localhost` and `127.0.0.1` are two hosts."""
    other = files.address.replace("127.0.0.1", "localhost")
    files.redirects = {"/first": "/second", "/second": f"{other}/model.safetensors"}
    network = Network(tokens={"127.0.0.1": "hf_secret"})
    download(Wanted(f"{files.address}/first", tmp_path / "m"), network)
    logins = {path: headers.get("Authorization") for _, path, headers in files.requests}
    assert logins == {"/first": "Bearer hf_secret", "/second": "Bearer hf_secret", "/model.safetensors": None}
    assert "hf_secret" not in repr(network)
