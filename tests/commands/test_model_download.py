"""`model download` as a person calls it; servers of our own stand in for the hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from environment.files_server import Files, serving

from train_tools import cli
from train_tools.environment import host_record
from train_tools.environment.host_record import HostRecord
from train_tools.environment.process import ALL_PROXIES, OFFLINE
from train_tools.environment.program import change

DATA = b"weights" * 1000


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    monkeypatch.setenv("TRAIN_TOOLS_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr(host_record, "record_file", lambda: tmp_path / "host.json")
    with serving() as served:
        # Nothing but this machine is ever asked.
        change(tmp_path / "root", {"hugging_face": served.address, "github": "off", "proxy": "off"})
        monkeypatch.setenv("HF_ENDPOINT", "")
        # The command sets them for itself and what it starts; the fixture takes that back.
        for name in ("NO_PROXY", "no_proxy", *OFFLINE, *ALL_PROXIES):
            monkeypatch.setenv(name, "")
        served.content["/o/n/resolve/main/a.safetensors"] = DATA
        yield served


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = cli.main(["model", "download", *argv, "--json"])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_into_the_roots_models(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sha256 = hashlib.sha256(DATA).hexdigest()
    code, out, err = call(capsys, "o/n:a.safetensors", "--sha256", sha256)
    assert code == 0, err
    told = json.loads(out)
    file = tmp_path / "root" / "models" / "Stable-diffusion" / "a.safetensors"
    assert (told["file"], told["sha256"], told["size"]) == (str(file), sha256, len(DATA))
    assert file.read_bytes() == DATA
    code, _, err = call(capsys, "o/n:a.safetensors")
    assert (code, "is there already" in err) == (2, True)
    assert call(capsys, "o/n:a.safetensors", "--sha256", sha256)[0] == 0, "the same again is no error"
    assert file.read_bytes() == DATA


def test_into_the_webuis_folders(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = tmp_path / "网页 ui" / "models"
    models.mkdir(parents=True)
    record = HostRecord("webui", "1.10.1", str(models.parent), str(models), str(tmp_path / "ckpt"))
    (tmp_path / "host.json").write_text(json.dumps(vars(record)), encoding="utf-8")
    assert call(capsys, "o/n:a.safetensors")[0] == 0
    assert call(capsys, "o/n:a.safetensors", "--to", "lora", "--name", "b.safetensors")[0] == 0
    assert (tmp_path / "ckpt" / "a.safetensors").read_bytes() == DATA
    assert (models / "Lora" / "b.safetensors").read_bytes() == DATA
    own = tmp_path / "own folder"
    assert call(capsys, f"{files.address}/o/n/resolve/main/a.safetensors", "--to", str(own))[0] == 0
    assert (own / "a.safetensors").read_bytes() == DATA


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["o/n:gone.safetensors"], 2, "404"),
        (["o/n:a.safetensors", "--sha256", "12"], 2, "64 hex digits"),
        (["o/n:a.safetensors", "--sha256", "0" * 64], 1, "thrown away"),
        (["o/n:a.safetensors", "--to", "loras"], 2, "neither a kind"),
        (["o/n:a.safetensors", "--name", "../.."], 2, "--name"),
        (["nonsense"], 2, "neither an address nor a hub id"),
    ],
)
def test_what_can_not_be_done(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], code: int, says: str
) -> None:
    found, out, err = call(capsys, *argv)
    assert (found, out) == (code, "")
    assert says in err.splitlines()[-1]
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_offline(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "UV_OFFLINE", "PIP_NO_INDEX"):
        monkeypatch.setenv(name, "")  # set by the command for what it starts; taken back afterwards
    change(tmp_path / "root", {"offline": "yes"})
    code, _, err = call(capsys, "o/n:a.safetensors")
    assert (code, "offline mode" in err) == (2, True)
    assert files.requests == []
