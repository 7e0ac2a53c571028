from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from train_tools.errors import UsageError
from train_tools.workspace import settings
from train_tools.workspace.settings import build, setting, validate
from train_tools.workspace.workspace import Version, Workspace


@dataclass(frozen=True)
class Example:
    width: int = setting(512, help="pixels", minimum=8, maximum=8192)
    rate: float = setting(0.5, help="share", minimum=0)
    flip: bool = setting(False, help="mirror")
    mode: str = setting("keep", help="what to do", choices=("keep", "drop"))
    weights: tuple[float, ...] = setting((1.0,), help="a list", maximum=2)

    def __post_init__(self) -> None:
        validate(self)


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    return workspace.create_version("zorb", "v1")


def test_text_and_typed_values_give_the_same() -> None:
    texts = {"width": "768", "rate": "1e-1", "flip": "Yes", "mode": "drop", "weights": "0, 0.5,1"}
    typed = {"width": 768, "rate": 0.1, "flip": True, "mode": "drop", "weights": [0, 0.5, 1]}
    assert build(Example, texts) == build(Example, typed) == Example(768, 0.1, True, "drop", (0.0, 0.5, 1.0))
    assert build(Example, {}) == Example()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("width", "7", "setting width is 7; allowed: a whole number from 8 to 8192"),
        ("width", "9000", "setting width is 9000"),
        ("width", "12.5", "setting width is '12.5'"),
        ("width", True, "setting width is True"),
        ("rate", "nan", "setting rate is nan; allowed: a number from 0"),
        ("flip", "maybe", "setting flip is 'maybe'; allowed: true or false"),
        ("mode", "Keep", "setting mode is 'Keep'; allowed: keep, drop"),
        ("weights", "1,3", "setting weights is 3.0; allowed: a number up to 2"),
        ("widht", "8", "unknown setting 'widht'; did you mean width?"),
        ("zzz", "8", "there are: width, rate"),
    ],
)
def test_the_error_names_setting_value_and_what_is_allowed(name: str, value: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        build(Example, {name: value})
    assert words in str(error.value)


def test_the_range_holds_however_it_is_made() -> None:
    with pytest.raises(UsageError, match="setting width is 1"):
        Example(width=1)


def test_update_keeps_the_rest_of_the_file(version: Version) -> None:
    assert set(map(str, settings.read(version).values())) == {"{}"}
    version.settings_file.write_text('extra = "kept"\n[preview]\nseed = 1\n[mine]\nx = 1\n', encoding="utf-8")
    settings.update(version, "dataset", {"concept": "训练", "flip": True})
    settings.update(version, "dataset", {"flip": None})
    assert settings.read(version)["dataset"] == {"concept": "训练"}
    assert settings.read(version)["preview"] == {"seed": 1}
    text = version.settings_file.read_text(encoding="utf-8")
    assert 'extra = "kept"' in text
    assert "[mine]" in text


def test_a_wrong_value_is_not_saved(version: Version) -> None:
    settings.change(version, "dataset", Example, {"width": "640"})
    with pytest.raises(UsageError):
        settings.change(version, "dataset", Example, {"width": "1"})
    assert settings.preview_change(version, "dataset", Example, {"flip": "on"}) == Example(
        width=640, flip=True
    )
    assert settings.read(version)["dataset"] == {"width": 640}


def test_assignments_split_at_the_first_equals_sign() -> None:
    assert settings.parse_assignments(["a=b=c", " d = "]) == {"a": "b=c", "d": ""}
    for wrong in ("a", "=b"):
        with pytest.raises(UsageError, match="NAME=VALUE"):
            settings.parse_assignments([wrong])
