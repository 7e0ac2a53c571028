"""A checkpoint leaves the version: whole, named, described, and never over another file."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from compare.samples import add_pictures, add_run, cell, picture, write_checkpoint
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_tools.compare.checkpoints import find_checkpoints
from train_tools.compare.history import read
from train_tools.compare.place import PUBLISHED
from train_tools.errors import TrainToolsError, UsageError
from train_tools.lora.safetensors_header import read_header
from train_tools.publish.service import Published, check_lora_name, free_lora_name, publish, request_for
from train_tools.publish.settings import PublishSettings
from train_tools.workspace.workspace import Version, Workspace

NAME = "我的 zorb v2"


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path / "outputs")
    workspace.create_project("zorb")
    made = workspace.create_version("zorb", "v1")
    folder = made.processed / "5_zorb"
    folder.mkdir(parents=True)
    for number in range(3):
        picture().save(folder / f"0000{number}-0-a.png")
        (folder / f"0000{number}-0-a.txt").write_text("zorb, a circle", encoding="utf-8")
    add_run(
        made, "one", epochs=2, learning_rate=1e-4, network_dim=8, optimizer_type="Lion",
        pretrained_model_name_or_path="/secret/home/models/base|1.safetensors", train_data_dir="/secret/home/data",
    )  # fmt: skip
    entry = cell("one", "zorb-one.safetensors", 2, "{trigger}", 1.0, "a" * 16, text="zorb")
    add_pictures(made, {entry: picture((1, 200, 1))})
    info = PngInfo()
    info.add_itxt("parameters", "zorb <lora:zorb-one:1>\nSteps: 20")
    picture((1, 200, 1), (1600, 800)).save(made.folder / entry.image, pnginfo=info)
    picture((9, 9, 9)).save((made.folder / entry.image).with_name("xyz_grid-1.png"))
    return made


@pytest.fixture
def lora_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "Lora"
    folder.mkdir(parents=True)
    return folder


def keep(version: Version, folder: Path, name: str = NAME, number: int = -1, **changes: object) -> Published:
    checkpoint = find_checkpoints(version)[number]
    return publish(version, request_for(version, checkpoint, folder, name), PublishSettings(**changes))  # type: ignore[arg-type]


def test_keep_this_one(version: Version, lora_folder: Path) -> None:
    done = keep(
        version, lora_folder, preferred_weight=0.8, notes="soft light", negative_text="blurry", author="A"
    )
    assert sorted(p.name for p in lora_folder.iterdir()) == sorted(
        f"{NAME}{end}" for end in (".safetensors", ".json", ".preview.png", ".md", ".sheet.png")
    )
    assert done.lora == lora_folder / f"{NAME}.safetensors"
    assert not done.is_link
    card = json.loads((lora_folder / f"{NAME}.json").read_text(encoding="utf-8"))
    assert card == {
        "description": "trained on base|1, rank 8, optimizer Lion, learning rate 0.0001, epoch 2",
        "sd version": "Unknown",
        "activation text": "zorb",
        "preferred weight": 0.8,
        "negative text": "blurry",
        "notes": "soft light",
    }
    with Image.open(lora_folder / f"{NAME}.preview.png") as shown:
        assert shown.size == (1024, 512)
        assert shown.getpixel((5, 5)) == (1, 200, 1)
        assert "<lora:zorb-one:1>" in shown.text["parameters"]  # type: ignore[attr-defined]
    (record,) = read(version, PUBLISHED)
    assert record["name"] == NAME
    assert record["files"][-1] == f"{NAME}.safetensors"


def test_the_file_says_its_new_name_and_keeps_its_tensors(version: Version, lora_folder: Path) -> None:
    source = find_checkpoints(version)[-1].path(version)
    before = read_header(source)
    done = keep(version, lora_folder)
    after = read_header(done.lora)
    assert after.metadata["ss_output_name"] == after.metadata["modelspec.title"] == NAME
    assert after.metadata["modelspec.trigger_phrase"] == "zorb"
    assert after.metadata["ss_epoch"] == "2"
    assert list(after.tensors) == list(before.tensors)
    tail = [Path(p).read_bytes()[-32:] for p in (source, done.lora)]
    assert tail[0] == tail[1]
    assert after.metadata["sshs_model_hash"] == hashlib.sha256(tail[0]).hexdigest()
    assert source.read_bytes().find(NAME.encode()) < 0


def test_the_model_card_tells_settings_and_dataset_but_no_path_of_this_machine(
    version: Version, lora_folder: Path
) -> None:
    keep(version, lora_folder, license="CC-BY-4.0")
    text = (lora_folder / f"{NAME}.md").read_text(encoding="utf-8")
    for wanted in (
        f"# {NAME}", f"<lora:{NAME}:1> zorb", "| learning\\_rate | 0.0001 |", "3 images, 15 an epoch",
        "| zorb | 5 | 3 | 3 |",
        f"![previews](<{NAME}.sheet.png>)", "CC-BY-4.0", "base\\|1",
    ):  # fmt: skip
        assert wanted in text
    assert "secret" not in text
    assert "secret" not in (lora_folder / f"{NAME}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "there",
    [f"{NAME}.safetensors", f"{NAME}.ckpt", f"{NAME}.preview.png", f"{NAME}.json", f"{NAME}.png",
     f"{NAME.upper()}.safetensors"],
)  # fmt: skip
def test_nothing_is_overwritten(version: Version, lora_folder: Path, there: str) -> None:
    (lora_folder / there).write_bytes(b"mine")
    with pytest.raises(UsageError, match="choose another name"):
        keep(version, lora_folder)
    assert {p.name: p.read_bytes() for p in lora_folder.iterdir()} == {there: b"mine"}
    name = free_lora_name(lora_folder, NAME)
    assert name == f"{NAME}-2"
    keep(version, lora_folder, name)
    assert (lora_folder / there).read_bytes() == b"mine"


def test_a_file_that_appears_at_the_last_moment_is_kept_and_ours_go(
    version: Version, lora_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train_tools.publish import service

    monkeypatch.setattr(service, "taken", lambda *_: "")
    (lora_folder / f"{NAME}.safetensors").write_bytes(b"mine")
    with pytest.raises(UsageError, match="made meanwhile"):
        keep(version, lora_folder)
    assert [p.name for p in lora_folder.iterdir()] == [f"{NAME}.safetensors"]
    assert read(version, PUBLISHED) == []


def test_a_link_takes_no_space_and_changes_nothing(version: Version, lora_folder: Path) -> None:
    source = find_checkpoints(version)[-1].path(version)
    done = keep(version, lora_folder, how="link", card=False)
    assert done.is_link
    assert source.samefile(done.lora)
    assert not (lora_folder / f"{NAME}.md").exists()


def test_without_links_it_is_a_copy_and_that_is_said(
    version: Version, lora_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", no_link)
    monkeypatch.setattr(os, "link", no_link)
    done = keep(version, lora_folder, how="link")
    assert not done.is_link
    assert any("no hard link" in note for note in done.notes)
    assert done.lora.read_bytes() == find_checkpoints(version)[-1].path(version).read_bytes()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "empty"), ("a/b", "separator"), ("..", "folders"), ("CON", "device"), ("a:b", "Windows"),
        ("x" * 200, "bytes"),
        ("a=b", "breaks <lora:"), ("a,b", "breaks <lora:"), ("a.", "dot"), (".a", "hides"), ("a\nb", "control"),
        ("<b>", "Windows"),
    ],
)  # fmt: skip
def test_bad_names_are_refused(version: Version, lora_folder: Path, name: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        check_lora_name(name)
    with pytest.raises(UsageError):
        keep(version, lora_folder, name)
    assert list(lora_folder.iterdir()) == []


def test_a_folder_must_be_there(version: Version, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        keep(version, tmp_path / "typo")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="there is no folder"):
        keep(version, tmp_path / "file")


def test_a_damaged_checkpoint_is_not_published(version: Version, lora_folder: Path) -> None:
    path = find_checkpoints(version)[-1].path(version)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(TrainToolsError, match="no whole safetensors"):
        keep(version, lora_folder)
    assert list(lora_folder.iterdir()) == []


def test_a_damaged_preview_is_left_out_and_said(version: Version, lora_folder: Path) -> None:
    (version.folder / "trains/one/zorb-one/images" / f"cell-{'a' * 16}.png").write_bytes(b"\x89PNG")
    done = keep(version, lora_folder)
    assert any("can't be read" in note for note in done.notes)
    assert not (lora_folder / f"{NAME}.preview.png").exists()


def test_other_kinds_of_file_are_copied_as_they_are(version: Version, lora_folder: Path) -> None:
    (version.trains / "one" / "old.pt").write_bytes(b"pickle")
    checkpoint = next(c for c in find_checkpoints(version) if c.file == "old.pt")
    done = publish(version, request_for(version, checkpoint, lora_folder, "old"), PublishSettings())
    assert done.lora.read_bytes() == b"pickle"
    assert any("holds no metadata" in note for note in done.notes)


def test_the_version_of_a_large_base_model_is_told(
    version: Version, lora_folder: Path, tmp_path: Path
) -> None:
    from train_tools.families.interface import Found
    from train_tools.families.registry import family_named
    from train_tools.publish.card import sd_version

    assert [sd_version(Found(family_named(name))) for name in ("sd1", "sd2", "sdxl", "chroma")] == [
        "SD1", "SD2", "SDXL", "Unknown",
    ]  # fmt: skip


def test_a_failed_write_leaves_nothing(
    version: Version, lora_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train_tools.publish import service

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service, "write_with_metadata", full)
    with pytest.raises(OSError, match="No space left"):
        keep(version, lora_folder)
    assert list(lora_folder.iterdir()) == []


def test_a_checkpoint_without_metadata_gets_them(version: Version, lora_folder: Path) -> None:
    write_checkpoint(version.trains / "bare" / "bare.safetensors", {}, b"12345678")
    checkpoint = next(c for c in find_checkpoints(version) if c.run == "bare")
    done = publish(version, request_for(version, checkpoint, lora_folder, "bare"), PublishSettings())
    assert read_header(done.lora).metadata["ss_output_name"] == "bare"
