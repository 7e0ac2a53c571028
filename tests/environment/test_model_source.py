"""What is downloaded for what a person types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from environment.files_server import Files, serving

from train_tools.environment.model_source import find, safe_name
from train_tools.environment.network import Network, network_of
from train_tools.environment.program import change
from train_tools.errors import TrainToolsError, UsageError

HUB = "https://huggingface.co"


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as served:
        yield served


def listing(files: Files, *names: str) -> None:
    files.content["/api/models/owner/name/revision/main"] = json.dumps(
        {"siblings": [{"rfilename": name} for name in names]}
    ).encode()


def test_a_hub_id_with_a_file_and_its_hash(files: Files) -> None:
    path = "/owner/name/resolve/fp16/sub/model.safetensors"
    files.redirects[path] = "/elsewhere"
    files.headers[path] = {"X-Linked-Etag": f'"{"ab" * 32}"'}
    found = find("owner/name@fp16:sub/model.safetensors", Network(files.address))
    assert (found.url, found.name, found.sha256) == (f"{HUB}{path}", "model.safetensors", "ab" * 32)
    assert [request[:2] for request in files.requests] == [("HEAD", path)]
    again = find(f"{HUB}/owner/name/blob/fp16/sub/model.safetensors?download=true", Network(files.address))
    assert again == found


def test_a_hub_id_alone_where_one_file_is_meant(files: Files) -> None:
    listing(files, "README.md", "model.ckpt", "model.safetensors", "unet/diffusion.safetensors")
    assert find("owner/name", Network(files.address)).name == "model.safetensors"
    listing(files, "a.safetensors", "b.safetensors")
    with pytest.raises(UsageError, match=r"owner/name:FILE; there are: a\.safetensors, b\.safetensors"):
        find("owner/name", Network(files.address))
    listing(files, "README.md")
    with pytest.raises(UsageError, match="no weights"):
        find("owner/name", Network(files.address))


def test_a_hub_that_does_not_answer_as_it_should(files: Files) -> None:
    with pytest.raises(UsageError, match="404"):
        find("owner/missing", Network(files.address))
    files.content["/api/models/owner/name/revision/main"] = b"<html>"
    with pytest.raises(TrainToolsError, match="no list of files"):
        find("owner/name", Network(files.address))
    with pytest.raises(TrainToolsError, match="can't be reached"):
        find("owner/name", Network("http://127.0.0.1:9"))


def test_the_server_names_the_file(files: Files) -> None:
    files.content["/api/download/models/7"] = b"data"
    files.headers["/api/download/models/7"] = {
        "Content-Disposition": 'attachment; filename="../../My Model.safetensors"'
    }
    assert find(f"{files.address}/api/download/models/7", Network()).name == "My Model.safetensors"
    files.redirects["/go"] = "/models/other%20one.safetensors"
    files.content["/models/other%20one.safetensors"] = b"data"
    assert find(f"{files.address}/go", Network()).name == "other one.safetensors"
    before = len(files.requests)
    assert find(f"{files.address}/x/model.safetensors?token=1", Network()).name == "model.safetensors"
    assert len(files.requests) == before


@pytest.mark.parametrize("asked", ["model.safetensors", "a/b/c", "../x/y", "", "owner/name:"])
def test_what_can_not_be_meant(asked: str) -> None:
    with pytest.raises(UsageError, match="hub id"):
        find(asked, Network("http://127.0.0.1:9"))


def test_a_name_stays_in_its_folder() -> None:
    assert safe_name("..\\..\\a:b?.safetensors") == "a_b_.safetensors"
    with pytest.raises(UsageError, match="--name"):
        safe_name("../..")


def test_mirrors_and_logins(tmp_path: Path) -> None:
    environ = {"HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path)}
    assert network_of(tmp_path, environ).tokens == {"huggingface.co": "hf_secret"}
    (tmp_path / "train_tools").mkdir()
    (tmp_path / "train_tools" / "mirrors.json").write_text(
        json.dumps({"hugging_face": {"address": "https://hf-mirror.com", "time": __import__("time").time()}}),
        encoding="utf-8",
    )
    chosen = network_of(tmp_path, environ)
    assert chosen.address(f"{HUB}/owner/name") == "https://hf-mirror.com/owner/name"
    assert chosen.tokens == {}, "nobody has decided to trust this mirror"
    change(
        tmp_path, {"hugging_face": "https://hub.example", "github": "https://gh.example", "offline": "yes"}
    )
    own = network_of(tmp_path, environ)
    assert own.tokens == {"hub.example": "hf_secret"}
    assert own.address("https://github.com/a/b") == "https://gh.example/https://github.com/a/b"
    assert own.offline
    (tmp_path / "token").write_text("hf_file\n", encoding="utf-8")
    assert network_of(tmp_path, {"HF_HOME": str(tmp_path)}).tokens == {"hub.example": "hf_file"}
