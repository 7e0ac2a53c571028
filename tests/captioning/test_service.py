"""The service, with a captioner that names the colour of the first pixel."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from train_tools.captioning import blip
from train_tools.captioning.file_name import cleaned
from train_tools.captioning.interface import Picture
from train_tools.captioning.service import caption
from train_tools.captioning.settings import CaptioningSettings
from train_tools.dataset.progress import Progress
from train_tools.errors import TrainToolsError, UsageError
from train_tools.tags.service import undo
from train_tools.workspace.workspace import Version, Workspace

if TYPE_CHECKING:
    from typing_extensions import Self

COLOURS = {(255, 0, 0): "red", (0, 128, 0): "green", (0, 0, 255): "blue"}


class ColourNamer:
    name = "colours"

    def __init__(self, refuses: str = "", memory: int = 100) -> None:
        self.refuses = refuses
        self.memory = memory
        self.open = False
        self.batches: list[int] = []

    def __enter__(self) -> Self:
        self.open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open = False

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        assert self.open
        self.batches.append(len(pictures))
        if len(pictures) > self.memory:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        names = [COLOURS[picture.image.getpixel((0, 0))] for picture in pictures]  # type: ignore[index]
        if self.refuses in names:
            raise RuntimeError(f"can't look at {self.refuses}\nlong trace")
        return names


def use(monkeypatch: pytest.MonkeyPatch, captioner: ColourNamer) -> None:
    monkeypatch.setattr(blip, "made", lambda settings, root: captioner)


def captions(version: Version) -> dict[str, str]:
    return {
        p.name[8]: p.read_text(encoding="utf-8").strip()
        for p in (version.processed / "10_zorb").glob("*.txt")
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"a": "zorb, mine", "b": "zorb, green", "c": "zorb, blue"}),
        ({"existing": "ignore"}, {"a": "zorb, red", "b": "zorb, green", "c": "zorb, blue"}),
        ({"existing": "prepend"}, {"a": "zorb, mine, red", "b": "zorb, green", "c": "zorb, blue"}),
        ({"existing": "append"}, {"a": "zorb, red, mine", "b": "zorb, green", "c": "zorb, blue"}),
        (
            {"prefix": "", "suffix": "photo of {concept}"},
            {"a": "zorb, mine", "b": "green, photo of zorb", "c": "blue, photo of zorb"},
        ),
        ({"prefix": "my {concept}"}, {"a": "zorb, mine", "b": "my zorb, green", "c": "my zorb, blue"}),
    ],
)
def test_existing_captions_prefix_and_suffix(
    processed: Version, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], expected: dict[str, str]
) -> None:
    use(monkeypatch, ColourNamer())
    caption(processed, CaptioningSettings.from_mapping(values))
    assert captions(processed) == expected


def test_what_is_replaced_is_kept_in_the_history(processed: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, ColourNamer())
    report = caption(processed, CaptioningSettings(existing="ignore"))
    assert report.saved is not None
    saved = report.saved / "10_zorb" / "00001-0-a.txt"
    assert saved.read_text(encoding="utf-8").strip() == "zorb, mine"
    assert caption(processed, CaptioningSettings()).saved is None


def test_empty_captions_are_filled(processed: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, ColourNamer())
    (processed.processed / "10_zorb" / "00002-0-b.txt").write_text(" \n", encoding="utf-8")
    report = caption(processed, CaptioningSettings())
    assert captions(processed)["b"] == "zorb, green"
    assert (len(report.written), report.kept) == (2, 1)
    monkeypatch.setattr(blip, "made", lambda settings, root: 1 / 0)
    assert caption(processed, CaptioningSettings()).kept == 3


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_an_image_that_fails_is_named_and_the_rest_is_captioned(
    processed: Version, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    use(monkeypatch, ColourNamer(refuses="green", memory=2))
    (processed.processed / "10_zorb" / "00003-0-c.png").write_bytes(b"damaged")
    report = caption(processed, CaptioningSettings(existing="ignore", batch_size=batch_size))
    assert {f.name: f.reason for f in report.failed} == {
        "00002-0-b.png": "the captioner failed (can't look at green)",
        "00003-0-c.png": "it isn't a picture in a format that is read, or it is damaged",
    }
    assert captions(processed) == {"a": "zorb, red"}


def test_out_of_memory_halves_the_batch_from_then_on(
    processed: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = processed.processed / "10_zorb"
    for number in range(4, 12):
        image = folder / f"{number:05d}-0-x.png"
        image.write_bytes((folder / "00002-0-b.png").read_bytes())
    captioner = ColourNamer(memory=2)
    use(monkeypatch, captioner)
    report = caption(processed, CaptioningSettings(existing="ignore", batch_size=8))
    assert (len(report.written), report.failed) == (11, ())
    assert captioner.batches == [8, 4, 2, 2, 4, 2, 2, 2, 1]


def test_stopping_keeps_the_captions_until_then(processed: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = ColourNamer()
    use(monkeypatch, captioner)

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        caption(processed, CaptioningSettings(existing="ignore"), stop)
    assert captions(processed) == {"a": "zorb, red", "b": "zorb, green"}
    assert not captioner.open
    assert caption(processed, CaptioningSettings()).kept == 2
    assert captions(processed)["c"] == "zorb, blue"
    undo(processed)
    assert captions(processed) == {"a": "zorb, red", "b": "zorb, green"}
    undo(processed)
    assert captions(processed) == {"a": "zorb, mine"}


def test_captioners_in_the_order_asked_for(processed: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, ColourNamer())
    values = {"captioner": "filename, blip,text", "text": "Red, made of {concept}", "existing": "ignore"}
    report = caption(processed, CaptioningSettings.from_mapping(values))
    assert report.captioner == "filename,blip,text"
    assert captions(processed)["a"] == "zorb, a, red, made of zorb"
    assert captions(processed)["b"] == "zorb, b, green, Red, made of zorb"


def test_what_is_loaded_is_freed_where_the_next_cant_be(
    processed: Version, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    captioner = ColourNamer()
    use(monkeypatch, captioner)
    values = {"captioner": "blip,wd", "wd_model": str(tmp_path / "none")}
    with pytest.raises(UsageError, match="wd_model"):
        caption(processed, CaptioningSettings.from_mapping(values))
    assert not captioner.open
    assert captions(processed) == {"a": "zorb, mine"}


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("00001-0-red_hat-side view (2)", "red hat side view"),
        ("00012-1-IMG_2041", "IMG"),
        ("1girl, blue.dress_03", "1girl, blue dress"),
        ("小猫 (12) [3]", "小猫"),
        ("00001-0-0042", ""),
        ("12345-7 up", "up"),
        ("a (b) 3", "a (b)"),
    ],
)
def test_a_name_without_numbers_and_separators(stem: str, expected: str) -> None:
    assert cleaned(stem) == expected


def test_a_caption_that_cant_be_read_is_not_replaced(
    processed: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, ColourNamer())
    path = processed.processed / "10_zorb" / "00002-0-b.txt"
    path.write_bytes(b"\xff\xfe\xfd")
    report = caption(processed, CaptioningSettings())
    assert [failure.name for failure in report.failed] == ["00002-0-b.png"]
    assert path.read_bytes() == b"\xff\xfe\xfd"


def test_a_full_disk_keeps_the_captions_before(processed: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, ColourNamer())

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("train_tools.captioning.service.write_text", full)
    with pytest.raises(TrainToolsError, match="disk is full"):
        caption(processed, CaptioningSettings(existing="ignore"))
    assert captions(processed) == {"a": "zorb, mine"}


def test_nothing_processed_says_what_to_do(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    with pytest.raises(UsageError, match="dataset process zorb v1"):
        caption(workspace.create_version("zorb", "v1"), CaptioningSettings())


@pytest.mark.parametrize(
    "values",
    [
        {"captioner": "clip"},
        {"captioner": ""},
        {"captioner": "blip,clip"},
        {"tag_replacement": "a"},
        {"general_threshold": "1.5"},
        {"existing": "copy"},
        {"beams": "0"},
        {"batchsize": "2"},
    ],
)
def test_settings_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        CaptioningSettings.from_mapping(values)
