"""Settings of the program: said once, checked, and given to every process that is started."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from train_tools.environment import program
from train_tools.environment.mirror_choice import GITHUB
from train_tools.environment.process import ALL_PROXIES, BEFORE, apply, process_environment
from train_tools.environment.program import ProgramSettings, change, read, settings_file, without_secret
from train_tools.errors import UsageError
from train_tools.workspace import toml


def environment(root: Path, base: dict[str, str] | None = None, **settings: str) -> dict[str, str]:
    change(root, settings)
    return process_environment(base or {}, root)


def test_what_is_set_is_read_again(tmp_path: Path) -> None:
    assert read(tmp_path) == ProgramSettings()
    change(tmp_path, {"proxy": "http://127.0.0.1:7890", "offline": "yes"})
    assert read(tmp_path) == ProgramSettings(proxy="http://127.0.0.1:7890", offline=True)
    assert (
        settings_file(tmp_path).read_text(encoding="utf-8")
        == 'proxy = "http://127.0.0.1:7890"\noffline = true\n'
    )
    change(tmp_path, {"proxy": "default"})
    assert read(tmp_path) == ProgramSettings(offline=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hugging_face", "hf-mirror"), ("hugging_face", "ftp://mirror"), ("github", "https://"), ("proxy", "auto"),
        ("package_index", "https://a b"), ("package_index", ""), ("proxy", "http://me:secret@:80"), ("torch", "cu1"),
        ("proxy", "http://127.0.0.1:port"), ("offline", "perhaps"), ("installer", "conda"), ("mirror", "x"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_and_nothing_is_saved(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError) as refused:
        change(tmp_path, {name: value})
    assert "secret" not in str(refused.value)
    assert not settings_file(tmp_path).exists()


def test_a_damaged_file_is_named_and_not_overwritten(tmp_path: Path) -> None:
    path = settings_file(tmp_path)
    path.parent.mkdir()
    for text in ("proxy = ", "offline = 3\n", 'proxy = "x"\n'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=r"program\.toml"):
            read(tmp_path)
        with pytest.raises(UsageError, match=r"program\.toml"):
            change(tmp_path, {"offline": "yes"})
        assert path.read_text(encoding="utf-8") == text


def test_what_a_newer_program_wrote_is_kept(tmp_path: Path) -> None:
    path = settings_file(tmp_path)
    path.parent.mkdir()
    path.write_text('newer = "value"\n', encoding="utf-8")
    change(tmp_path, {"offline": "yes"})
    assert toml.load(path) == {"newer": "value", "offline": True}


def test_a_python_without_a_toml_reader_reads_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(tmp_path, {"proxy": "http://127.0.0.1:7890", "offline": "yes"})
    monkeypatch.setattr(toml, "module", lambda name: None)
    assert read(tmp_path) == ProgramSettings(proxy="http://127.0.0.1:7890", offline=True)


def test_every_setting_has_its_help_in_both_languages() -> None:
    for field in fields(ProgramSettings):
        assert field.metadata["help"]
        assert any("一" <= letter <= "鿿" for letter in field.metadata["zh"])


def test_nothing_is_set_where_nothing_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.getproxies", dict)
    base = {"PATH": "/bin", "HF_ENDPOINT": "https://mine.example", "https_proxy": "http://p.example"}
    assert process_environment(base, tmp_path) == base


def test_own_mirrors(tmp_path: Path) -> None:
    git_setting = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c"}
    found = environment(
        tmp_path,
        {"HF_ENDPOINT": "https://other.example", **git_setting},
        hugging_face="https://hf.example/",
        package_index="https://index.example/simple",
        github="https://gh.example",
    )  # fmt: skip
    assert found["HF_ENDPOINT"] == "https://hf.example"
    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert found["GIT_CONFIG_COUNT"] == "2"
    assert found["GIT_CONFIG_KEY_0"] == "a.b"
    assert found["GIT_CONFIG_KEY_1"] == f"url.https://gh.example/{GITHUB}.insteadOf"
    assert process_environment(found, tmp_path) == found, "a child that starts a child"


def test_git_uses_the_mirror(tmp_path: Path) -> None:
    found = environment(tmp_path, dict(os.environ), github="http://127.0.0.1:9/mirror")
    command = ["git", "ls-remote", "--get-url", f"{GITHUB}kohya-ss/sd-scripts"]
    answer = subprocess.run(command, env=found, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "http://127.0.0.1:9/mirror/https://github.com/kohya-ss/sd-scripts"


def test_proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = environment(tmp_path, {"HTTP_PROXY": "http://old.example"}, proxy="socks5://127.0.0.1:1080")
    assert {own[name] for name in ALL_PROXIES} == {"socks5://127.0.0.1:1080"}
    assert "127.0.0.1" in own["NO_PROXY"], "the page and the webui talk past the proxy"
    off = environment(tmp_path, {"HTTP_PROXY": "http://old.example", "all_proxy": "http://o"}, proxy="off")
    assert not set(ALL_PROXIES) & set(off)
    assert off["NO_PROXY"] == "*"
    monkeypatch.setattr(
        "urllib.request.getproxies", lambda: {"https": "http://sys.example:3128", "no": "localhost"}
    )
    system = environment(tmp_path, {}, proxy="system")
    assert (system["HTTPS_PROXY"], "HTTP_PROXY" in system) == ("http://sys.example:3128", False)
    assert "HTTPS_PROXY" not in environment(tmp_path, {"ALL_PROXY": "http://mine.example"})


def test_offline_and_the_choice_of_installers(tmp_path: Path) -> None:
    found = environment(tmp_path, offline="true", installer="pip", torch="cu126")
    assert found["HF_HUB_OFFLINE"] == found["UV_OFFLINE"] == found["PIP_NO_INDEX"] == "1"
    assert (found["TRAIN_TOOLS_INSTALLER"], found["TRAIN_TOOLS_TORCH"]) == ("pip", "cu126")


def test_the_root_comes_from_the_variable(tmp_path: Path) -> None:
    change(tmp_path, {"offline": "true"})
    assert process_environment({program.ROOT_VARIABLE: str(tmp_path)})["HF_HUB_OFFLINE"] == "1"


def test_a_process_takes_them_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"HTTP_PROXY": "http://old.example", "KEEP": "1"})
    change(tmp_path, {"proxy": "off", "offline": "on"})
    apply(tmp_path)
    assert os.environ["KEEP"] == os.environ["HF_HUB_OFFLINE"] == "1"
    assert "HTTP_PROXY" not in os.environ


def test_a_process_that_lives_long_follows_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {"HTTP_PROXY": "http://old.example", "HF_ENDPOINT": "https://mine.example", "KEEP": "1"}
    monkeypatch.setattr(os, "environ", dict(first))
    for settings in (
        {"proxy": "off", "hugging_face": "https://a.example", "offline": "on"},
        {"proxy": "http://new.example", "github": "https://gh.example"},
        {"proxy": "system", "hugging_face": "auto", "offline": "off", "github": "off"},
    ):
        change(tmp_path, settings)
        apply(tmp_path)
        child = process_environment(os.environ, tmp_path)
        assert child == os.environ
    assert os.environ == first
    monkeypatch.setattr(os, "environ", {**first, BEFORE: "nonsense"})
    apply(tmp_path)
    assert os.environ == first


def test_a_command_and_what_it_starts_use_them(tmp_path: Path) -> None:
    change(tmp_path, {"hugging_face": "https://hf.example"})
    code = (
        "import os, sys\nfrom train_tools import cli\n"
        f"code = cli.main(['project', 'list', '--root', {str(tmp_path)!r}])\n"
        "print(os.environ['HF_ENDPOINT'])\nsys.exit(code)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "https://hf.example"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://me:secret@proxy.example:80/x", "http://***@proxy.example:80/x"),
        (
            "https://hub.example/m/1?type=Model&token=abc&x=1",
            "https://hub.example/m/1?type=Model&token=***&x=1",
        ),
        ("https://hub.example/m?X-Amz-Signature=abc", "https://hub.example/m?X-Amz-Signature=***"),
        ("C:\\models\\a.safetensors", "C:\\models\\a.safetensors"),
        ("http://token@proxy.example", "http://***@proxy.example"),
        ("http://proxy.example", "http://proxy.example"),
        ("auto", "auto"),
    ],
)
def test_secrets_are_hidden(address: str, shown: str) -> None:
    assert without_secret(address) == shown


def test_tokens_go_to_what_is_started_and_are_shown_to_nobody(tmp_path: Path) -> None:
    change(tmp_path, {"hugging_face_token": "hf_abcdefgh1234", "civitai_token": "0123abcd"})
    found = process_environment({"HF_TOKEN": "mine"}, tmp_path)
    assert (found["HF_TOKEN"], found["CIVITAI_API_TOKEN"]) == ("hf_abcdefgh1234", "0123abcd")
    assert program.shown(read(tmp_path))["hugging_face_token"] == "***"
    if sys.platform != "win32":
        assert settings_file(tmp_path).stat().st_mode & 0o077 == 0
    change(tmp_path, {"hugging_face_token": "default", "civitai_token": "default"})
    assert process_environment(found, tmp_path)["HF_TOKEN"] == "mine"
    with pytest.raises(UsageError, match="copy it once more"):
        change(tmp_path, {"civitai_token": "two words"})
