"""A benchmark that the READMEs quote starts."""

from __future__ import annotations

import sys

import pytest

from benchmarks import packed_training


@pytest.mark.parametrize("family", [[], ["--family", "sdxl"]])
def test_packed_training(
    family: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["packed_training", *family, "--runs", "2", "--steps", "1"])
    packed_training.main()
    said = capsys.readouterr().out
    assert said.startswith("K=2: ")
    assert "ATen calls" in said
