from __future__ import annotations

from pathlib import Path

from train_tools.arguments.table import ARGUMENTS, SUBJECTS
from train_tools.planning import page

FILE = Path(__file__).parents[2] / "docs" / "arguments.md"


def test_the_page_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == page.markdown(), f"write it again: {page.COMMAND}"


def test_the_page_has_a_line_for_every_argument() -> None:
    lines = page.markdown().splitlines()
    for name in ARGUMENTS:
        (line,) = [line for line in lines if line.startswith(f"| `{name}` |")]
        assert line.replace("\\|", "").count("|") == 9, line
    assert set(page.TITLES) == set(SUBJECTS)


def test_rows_are_found_by_family_and_importance() -> None:
    flux = {row.name for row in page.matching("flux")}
    assert {"guidance_scale", "learning_rate"} <= flux
    assert "gemma2" not in flux
    assert [row.name for row in page.matching("sd1", "beginner")][:2] == [
        "pretrained_model_name_or_path", "train_batch_size",
    ]  # fmt: skip
    assert "In Stable Diffusion XL, Anima: It needs network_train_unet_only on: a text encoder" in "\n".join(
        page.notes(ARGUMENTS["cache_text_encoder_outputs"])
    )
