"""`model narrow` and `model convert` as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train_tools import cli
from train_tools.families.detect import detect


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = cli.main(["model", *argv])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sd1",), ("Stable Diffusion 1", "", False)),
        (("sd2", "--v-prediction"), ("Stable Diffusion 2", "v", False)),
        (("sdxl",), ("Stable Diffusion XL", "", False)),
        (("sdxl", "--v-prediction", "--zero-snr"), ("Stable Diffusion XL", "v", True)),
    ],
)
def test_a_tiny_model_is_known_by_its_kind(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    told: tuple[str, str, bool],
) -> None:
    file = tmp_path / "小 model.safetensors"
    code, out, err = call(capsys, "narrow", words[0], str(file), *words[1:], "--json")
    assert code == 0, err
    assert json.loads(out)["written"][0] == str(file)
    found = detect(file)
    assert (found.title, found.prediction, found.zero_snr, found.fault) == (*told, None)
    assert file.stat().st_size < 1e8


def test_it_becomes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, folder = tmp_path / "xl.safetensors", tmp_path / "xl"
    assert call(capsys, "narrow", "sdxl", str(file), "--v-prediction")[0] == 0
    code, _, err = call(capsys, "convert", str(folder), "--source", str(file))
    assert code == 0, err
    found = detect(folder)
    assert (found.title, found.prediction, found.fault) == ("Stable Diffusion XL", "v", None)


def test_the_same_seed_is_the_same_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for file, seed in zip(files, ("1", "1", "2"), strict=True):
        assert call(capsys, "narrow", "sd2", str(file), "--seed", seed)[0] == 0
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_what_isnt_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(b"mine")
    for words, said in (
        (("flux", str(tmp_path / "a.safetensors")), "flux isn't one of them"),
        (("sd2", str(tmp_path / "a.ckpt")), "end in .safetensors"),
        (("sd2", str(mine)), "exists already"),
    ):
        code, _, err = call(capsys, "narrow", *words)
        assert (code, said in err) == (2, True), err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]
    assert mine.read_bytes() == b"mine"
