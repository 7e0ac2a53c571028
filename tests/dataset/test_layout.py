"""Folders as trainers have them: what they say becomes of the images, and what is done."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from train_tools.dataset.intake import add, proposal_for
from train_tools.dataset.layout import CONCEPT, LEFT_OUT, OWN, REG
from train_tools.dataset.process import process
from train_tools.dataset.reg import add_reg
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.taking import ADDED, FAILED, IGNORED
from train_tools.workspace.names import why_not
from train_tools.workspace.settings import change, preview_change, read
from train_tools.workspace.workspace import Version, Workspace


def draw(path: Path, caption: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    place = sum(path.as_posix().encode()) % 200
    Image.new("RGB", (40, 30), (place, len(path.parts), 99)).save(path)
    if caption:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def kohya(root: Path) -> Path:
    for number in range(3):
        draw(root / "img" / "10_zorb person" / f"{number}.png", f"zorb, number {number}")
    draw(root / "reg" / "1_person" / "r.png")
    draw(root / "model" / "sample" / "last_000100_00.png")
    draw(root / "log" / "chart.png")
    (root / "model" / "last.safetensors").write_bytes(b"x")
    return root


def settings_of(version: Version) -> DatasetSettings:
    return preview_change(version, "dataset", DatasetSettings, {})


def files(folder: Path, pattern: str = "*.png") -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob(pattern)}


def test_kohya_s_tree(version: Version, tmp_path: Path) -> None:
    tree = kohya(tmp_path / "my set")
    report = add(version, [tree])
    assert [(one.folder, one.kind, one.name, one.repeats, one.images) for one in report.decisions] == [
        ("my set/img/10_zorb person", CONCEPT, "zorb person", 10, 3),
        ("my set/log", LEFT_OUT, "", 0, 1),
        ("my set/model/sample", LEFT_OUT, "", 0, 1),
        ("my set/reg/1_person", REG, "person", 1, 1),
    ]
    assert all(one.sentence for one in report.decisions)
    assert {(one.section, one.name, one.value) for one in report.changes} == {
        ("dataset", "concept", "zorb person"),
        ("captioning", "prefix", "zorb"),  # all captions begin with it
    }
    assert (len(report.of(ADDED)), len(report.of(FAILED))) == (4, 0)
    assert {Path(item.source).name for item in report.of(IGNORED)} == {
        "last.safetensors", "last_000100_00.png", "chart.png",
    }  # fmt: skip
    process(version, settings_of(version))
    assert {path.name for path in version.processed.iterdir() if path.is_dir()} == {"10_zorb person"}
    assert files(version.reg) == {"1_person/r.png"}
    again = add(version, [tree])
    assert (len(again.of(ADDED)), again.changes) == (0, ())


@pytest.mark.parametrize("first", ["1girl", "zorb person", ""])
def test_what_taggers_find_first_is_no_trigger_word(version: Version, tmp_path: Path, first: str) -> None:
    for number in range(3):
        draw(
            tmp_path / "10_zorb person" / f"{number}.png",
            f"{first}, number {number}" if first else "a sentence",
        )
    assert [one.name for one in add(version, [tmp_path / "10_zorb person"]).changes] == ["concept"]


@pytest.mark.parametrize("part", ["img", "img/10_zorb person"])
def test_a_part_of_the_tree_says_the_same(version: Version, tmp_path: Path, part: str) -> None:
    add(version, [kohya(tmp_path / "set") / part])
    process(version, settings_of(version))
    assert {path.name for path in version.processed.iterdir() if path.is_dir()} == {"10_zorb person"}


@pytest.mark.parametrize("part", ["reg", "reg/1_person"])
def test_a_part_of_reg_says_the_same(version: Version, tmp_path: Path, part: str) -> None:
    add(version, [kohya(tmp_path / "set") / part])
    assert files(version.reg) == {"1_person/r.png"}
    assert not any(version.origin.iterdir())


def test_several_concepts_and_repeats(version: Version, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "20_zorb" / "a.png", "zorb, a")
    draw(tmp_path / "set" / "5_hat" / "inner" / "b.png")
    draw(tmp_path / "set" / "7_HAT" / "c.png")
    draw(tmp_path / "set" / "0_never" / "d.png")
    draw(tmp_path / "set" / "loose.png")
    change(version, "dataset", DatasetSettings, {"concept_repeats": "other:2"})
    report = add(version, [tmp_path / "set"])
    # The project is called zorb; hat's folders are one concept, at the mean of their repeats.
    assert files(version.origin) == {"a.png", "loose.png", "hat/b.png", "hat/c.png"}
    assert read(version)["dataset"]["concept_repeats"] == ["other:2", "zorb:20", "hat:6"]
    assert "concept" not in read(version)["dataset"]
    reasons = {Path(item.source).name: item.reason for item in report.of(IGNORED)}
    assert "0 repeats" in reasons["d.png"]
    process(version, settings_of(version))
    assert {path.name for path in version.processed.iterdir() if path.is_dir()} == {"20_zorb", "6_hat"}


def test_what_somebody_has_set_stays(version: Version, tmp_path: Path) -> None:
    change(version, "dataset", DatasetSettings, {"concept": "cat", "concept_repeats": "zorb person:3"})
    report = add(version, [kohya(tmp_path / "set")])
    assert report.decisions[0].repeats == 3
    assert read(version)["dataset"] == {"concept": "cat", "concept_repeats": ["zorb person:3"]}
    process(version, settings_of(version))
    assert {path.name for path in version.processed.iterdir() if path.is_dir()} == {"3_zorb person"}


@pytest.mark.parametrize(
    "folder",
    ["2024_rome", "20240131_party", "01_faces", "10-zorb", "person_10", "sample", "model", "reg", "log"],
)
def test_other_names_say_nothing(version: Version, tmp_path: Path, folder: str) -> None:
    draw(tmp_path / "pictures" / folder / "a.png")
    draw(tmp_path / "pictures" / "more" / "b.png")
    report = add(version, [tmp_path / "pictures"])
    assert (report.decisions, report.changes) == ((), ())
    assert files(version.origin) == {"a.png", "b.png"}


def test_as_it_is(version: Version, tmp_path: Path) -> None:
    report = add(version, [kohya(tmp_path / "set")], as_is=True)
    assert (report.decisions, report.changes) == ((), ())
    assert len(files(version.origin)) == 6
    assert not version.reg.exists()


def test_who_says_what_they_show_is_believed(version: Version, tmp_path: Path) -> None:
    tree = kohya(tmp_path / "set")
    report = add(version, [tree], concept="blip")
    assert [one.kind for one in report.decisions] == [LEFT_OUT, LEFT_OUT]
    assert {name.partition("/")[0] for name in files(version.origin)} == {"blip"}
    assert read(version)["dataset"] == {}
    add_reg(version, [tree / "img"], "person", 2)
    assert len(files(version.reg)) == 3
    assert {path.name for path in version.reg.iterdir()} == {"2_person"}


def test_samples_beside_models_are_left_out(version: Version, tmp_path: Path) -> None:
    """As ai-toolkit and OneTrainer leave them."""
    draw(tmp_path / "output" / "my_lora" / "samples" / "0001.png")
    (tmp_path / "output" / "my_lora" / "my_lora_000001.safetensors").write_bytes(b"x")
    draw(tmp_path / "output" / "a.png")
    draw(tmp_path / "output" / "_controls" / "a.depth.png")
    draw(tmp_path / "output" / "_latent_cache" / "a.png")
    (tmp_path / "output" / ".aitk_size.json").write_text("{}", encoding="utf-8")
    add(version, [tmp_path / "output"])
    assert files(version.origin) == {"a.png"}


def test_a_class_that_is_the_trigger_word_is_told(version: Version, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "img" / "10_mira" / "a.png")
    draw(tmp_path / "set" / "reg" / "1_mira" / "r.png")
    draw(tmp_path / "set" / "reg" / "1_woman" / "r.png")
    told = {
        one.name: one.sentence
        for one in proposal_for(version, [tmp_path / "set"]).decisions
        if one.kind == REG
    }
    assert "trigger word" in told["mira"]
    assert "trigger word" not in told["woman"]


def test_a_zip_of_a_tree_and_a_zip_that_is_a_folder(version: Version, tmp_path: Path) -> None:
    tree = kohya(tmp_path / "set")
    for name, source in (("all.zip", tree), ("5_hat.zip", tree / "reg" / "1_person")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for path in source.rglob("*.*"):
                if path.is_file():
                    archive.write(path, path.relative_to(source))
    report = add(version, [tmp_path / "all.zip"])
    assert files(version.reg) == {"1_person/r.png"}
    assert report.decisions[0].folder == "all/img/10_zorb person"
    add(version, [tmp_path / "5_hat.zip"])
    assert read(version)["dataset"]["concept_repeats"] == ["hat:5"]
    assert files(version.origin / "hat") == {"r.png"}


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_linked_concept_folder(version: Version, tmp_path: Path) -> None:
    draw(tmp_path / "archive" / "a.png")
    (tmp_path / "set" / "img").mkdir(parents=True)
    (tmp_path / "set" / "img" / "15_zorb").symlink_to(tmp_path / "archive")
    report = add(version, [tmp_path / "set"])
    assert [(one.kind, one.name, one.repeats) for one in report.decisions] == [(CONCEPT, "zorb", 15)]


def test_nothing_is_written_by_a_look(version: Version, tmp_path: Path) -> None:
    proposal = proposal_for(version, [kohya(tmp_path / "set")])
    assert len(proposal.decisions) == 4
    assert not any(version.origin.iterdir())
    assert read(version)["dataset"] == {}


def test_loose_images_of_a_trainer_s_tree(version: Version, tmp_path: Path) -> None:
    """Trainers read none of them; where no tree is kohya's, they are the version's own."""
    tree = kohya(tmp_path / "set")
    draw(tree / "img" / "cover.png")
    draw(tree / "reg" / "loose.png")
    reasons = {Path(item.source).name: item.reason for item in add(version, [tree]).of(IGNORED)}
    assert "<n>_<concept>" in reasons["cover.png"]
    assert "<n>_<class>" in reasons["loose.png"]


NAMES = st.sampled_from(["img", "reg", "model", "sample", "log", "mask", "x", "_controls"]) | st.builds(
    lambda n, name: f"{n}_{name}",
    st.integers(0, 3000),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=5))
def test_whatever_folders_are_called(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]
) -> None:
    """Each image is taken in or left out with a reason, into folders that any system holds."""
    folder = tmp_path_factory.mktemp("tree")
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    with zipfile.ZipFile(folder / "set.zip", "w") as archive:
        for number, parts in enumerate(paths):
            archive.writestr(
                "/".join(part.replace("/", "-") for part in [*parts, f"{number}.png"]), buffer.getvalue()
            )
    workspace = Workspace(folder / "outputs")
    workspace.create_project("p")
    version = workspace.create_version("p", "v")
    report = add(version, [folder / "set.zip"])
    assert all(item.outcome == ADDED or item.reason for item in report.items)
    for one in report.decisions:
        assert one.kind in (OWN, LEFT_OUT, "mask") or why_not(one.name) is None
    for path in [*version.origin.rglob("*"), *(version.reg.rglob("*") if version.reg.exists() else ())]:
        assert why_not(path.name) is None
