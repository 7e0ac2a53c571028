"""The support bundle holds what helps and nothing that is secret, wherever a secret was."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from train_tools.doctor import bundle
from train_tools.doctor.finding import Finding
from train_tools.doctor.redact import Redactor
from train_tools.environment.program import change
from train_tools.errors import UsageError

# Every one is planted somewhere below; none may be found in the zip.
SECRETS = (
    "hf_abcdefGHIJKL1234567890", "pr0xyPassw0rd", "w4ndbKeyw4ndbKeyw4ndbKeyw4ndbKeyw4ndbKey1", "civitai77secret77",
    "page77token77page77token", "alicegreen", "Zhang.San", "ghp_1234567890abcdefghij", "hunter2hunter2", "sessionid99",
    "sig77sig77", "alice@example.org", "hubFileToken123", "bobslaptop-9",
)  # fmt: skip
HELPFUL = (
    "learning_rate = 0.0001",
    "CUDA out of memory",
    "No space left",
    "offline = true",
    "127.0.0.1:7890",
    "keep_tokens = 1",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a failed run, in whose every text a secret was left."""
    root = tmp_path / "home" / "alicegreen" / "outputs"
    version = root / "train_tools" / "projects" / "p" / "versions" / "v"
    run = version / "trains" / "a run"
    run.mkdir(parents=True)
    (run / "run.json").write_text(
        '{"state": "failed", "ended": 5, "error": "C:\\\\Users\\\\Zhang.San\\\\x.png"}'
    )
    (run / "run.toml").write_text(
        'learning_rate = 0.0001\nkeep_tokens = 1\nwandb_api_key = "w4ndbKeyw4ndbKeyw4ndbKeyw4ndbKeyw4ndbKey1"\n'
        'huggingface_token = "hunter2hunter2"\ntrain_data_dir = "/home/alicegreen/data"\n'
    )
    (run / "train.log").write_text(
        "login --wandb_api_key w4ndbKeyw4ndbKeyw4ndbKeyw4ndbKeyw4ndbKey1\n"
        "GET https://alice:pr0xyPassw0rd@proxy.example/x?signature=sig77sig77&token=civitai77secret77 \n"
        'headers {"Authorization": "Bearer hubFileToken123", "cookie": "sessionid99; a=b"}\n'
        "mail alice@example.org from bobslaptop-9 git+https://ghp_1234567890abcdefghij@github.com/a/b\n"
        "D:\\Users\\Zhang.San\\models\\a.safetensors\nRuntimeError: CUDA out of memory\n"
    )
    (run / "events.jsonl").write_text('{"event": "failed", "error": "hf_abcdefGHIJKL1234567890"}\n')
    (version / "version.toml").write_text('[training]\nlogin = "x"\npassword = "hunter2hunter2"\n')
    (run / "images").mkdir()
    (run / "images" / "face.png").write_bytes(b"\x89PNG picture of alicegreen")
    (run / "p-v-000001.safetensors").write_bytes(b"weights")
    (root / "train_tools" / "host.json").write_text(
        json.dumps({"url": "http://127.0.0.1", "token": "page77token77page77token"})
    )
    (root / "train_tools" / "worker-0.log").write_text("asked with page77token77page77token\nNo space left\n")
    change(root, {"proxy": "http://alice:pr0xyPassw0rd@127.0.0.1:7890", "offline": "yes"})
    return root


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr("socket.gethostname", lambda: "bobslaptop-9")
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "token").write_text("hubFileToken123\n")
    (tmp_path / "env-setup.log").write_text(
        "proxy http://alice:pr0xyPassw0rd@p.example in /home/alicegreen/.cache\n"
    )
    return {
        "HOME": str(tmp_path / "home" / "alicegreen"), "USER": "alicegreen", "HF_TOKEN": "hf_abcdefGHIJKL1234567890",
        "HF_HOME": str(tmp_path / "hub"), "CIVITAI_API_TOKEN": "civitai77secret77", "PATH": os.environ["PATH"],
        "TRAIN_TOOLS_ENV": str(tmp_path / "env"), "PIP_INDEX_URL": "https://alice:pr0xyPassw0rd@index.example/simple",
        "COMMANDLINE_ARGS": "--gradio-auth alice:hunter2hunter2 --api-auth=alice:hunter2hunter2 --port 1",
    }  # fmt: skip


def test_no_secret_is_in_it_and_what_helps_is(root: Path, environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "bundle.zip"
    findings = [Finding("disk-root", "ok", f"5 GiB are free at {root}")]
    names = bundle.write(file, root, environ, findings)
    texts = {}
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == names
        for name in names:
            texts[name] = archive.read(name).decode("utf-8")
    everything = "\n".join([*texts, *texts.values()])
    assert [secret for secret in SECRETS if secret.lower() in everything.lower()] == []
    assert [text for text in HELPFUL if text not in everything] == []
    assert {
        "doctor.json",
        "versions.json",
        "runs/1/run.toml",
        "runs/1/train.log",
        "environment/setup.log",
    } <= set(names)
    assert not [
        name for name in names if name.endswith((".png", ".safetensors", ".txt")) and "folder" not in name
    ]
    assert "picture" not in everything
    explained = json.loads(texts["runs/1/explained.json"])
    assert explained[0]["id"] == "out-of-gpu-memory"


def test_a_long_log_is_cut_to_its_end(root: Path, environ: dict[str, str], tmp_path: Path) -> None:
    (log,) = root.glob("train_tools/projects/*/versions/*/trains/*/train.log")
    log.write_text("early line\n" + "x" * 80 + "\n" * 1 + ("step\n" * 50_000) + "the end\n")
    bundle.write(tmp_path / "b.zip", root, environ, [], log.parent)
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        text = archive.read("runs/1/train.log").decode()
        assert "runs/2/train.log" not in archive.namelist()
    assert len(text) <= bundle.LOG_BYTES
    assert text.endswith("the end\n")
    assert "early" not in text


def test_what_is_there_is_not_overwritten(root: Path, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(UsageError, match="another name"):
        bundle.write(tmp_path / "b.zip", root, environ, [])
    assert (tmp_path / "b.zip").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tokenizer_cache_dir = \"x\"\nkeep_tokens = 1\nmax_token_length=225", None),
        ("total optimization steps / 学習ステップ数: 24", None),
        ("password: abc def", "password: *** def"),
        ('{"api_key": "a b c", "x": 1}', '{"api_key": ***, "x": 1}'),
        ("https://u:p@host/x https://host/y", "https://***@host/x https://host/y"),
        ("/Users/li/pictures", "/Users/<user>/pictures"),
        ("C:\\\\Users\\\\li\\\\a", "C:\\\\Users\\\\<user>\\\\a"),
    ],
)  # fmt: skip
def test_only_secrets_are_hidden(tmp_path: Path, text: str, shown: str | None) -> None:
    assert Redactor({}, tmp_path).text(text) == (text if shown is None else shown)
