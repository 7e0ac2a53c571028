"""A run that goes on from its saved state equals one that was never stopped."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from small_base import shallow_base

from train_tools.engines.interface import PAUSE_FILE
from train_tools.engines.packed import state, train
from train_tools.engines.packed.__main__ import main
from train_tools.engines.packed.life import loop
from train_tools.engines.packed.step.pack import Late, Pack
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.workspace import toml

# 4 images in two shapes, batch 2: 2 steps an epoch, 6 in all.
EPOCHS, STEPS = 3, 6
ROUNDING = 1e-6  # of checkpoints in fp32
OPTIONS: dict[str, dict[str, Any]] = {
    "a": {"seed": 1, "network_dim": 2},
    "b": {
        "seed": 2,
        "network_dim": 4,
        "lr_scheduler": "cosine",
        "optimizer_type": "AdamW",
        "random_crop": True,
        "color_aug": True,
        "alpha_mask": True,
    },
    "c": {"seed": 3, "network_dim": 3, "optimizer_type": "Lion", "unet_lr": 1e-4, "lr_scheduler": "constant"},
}


class StopError(Exception):
    """What a test ends the training with, as abruptly as one can within a process."""


@pytest.fixture(autouse=True, scope="module")
def small_model() -> Iterator[None]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "loaded", lambda *_, **__: shallow_base())
        patch.setattr(loop, "STATE_SHARE", float("inf"))  # saves at every epoch's end
        yield


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], list[Path]]:
    return maker(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, small_model: None) -> list[Path]:
    """The runs, trained without a stop."""
    folders = maker(tmp_path_factory.mktemp("whole"))("whole")
    assert engine(folders) == 0
    return folders


def maker(tmp_path: Path) -> Callable[[str], list[Path]]:
    images = tmp_path / "images" / "1_zorb"
    images.mkdir(parents=True)
    for number in range(4):
        # Never one token alone in the middle block: its q and k have no gradient, only rounding to follow.
        size = (48, 80) if number % 2 else (80, 48)
        Image.new("RGB", size, (40 * number, 90, 200 - 30 * number)).save(images / f"{number}.png")
        (images / f"{number}.txt").write_text(f"zorb, red, number {number}, ball", encoding="utf-8")
    (tmp_path / "base.safetensors").write_bytes(b"stands for the model")

    def folders(name: str) -> list[Path]:
        return [run_folder(tmp_path, tmp_path / name / run, options) for run, options in OPTIONS.items()]

    return folders


def run_folder(root: Path, folder: Path, options: dict[str, Any]) -> Path:
    folder.mkdir(parents=True)
    arguments = {
        "pretrained_model_name_or_path": str(root / "base.safetensors"), "train_data_dir": str(root / "images"),
        "output_name": "lora", "caption_extension": ".txt", "resolution": "64,64", "enable_bucket": True,
        "min_bucket_reso": 32, "max_bucket_reso": 128, "bucket_reso_steps": 16, "train_batch_size": 2,
        "max_train_epochs": EPOCHS, "save_every_n_epochs": 1, "flip_aug": True, "shuffle_caption": True,
        "learning_rate": 1e-3, "min_snr_gamma": 5, **options,
    }  # fmt: skip
    (folder / "run.toml").write_text(toml.dumps(arguments), encoding="utf-8")
    return folder


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, do: Callable[[], None]) -> None:
    """Calls `do` before the `number`th step from here on."""
    left = [number]
    launch = Pack.launch

    def counted(self: Pack, batches: list[Any], **named: bool) -> Late:
        left[0] -= 1
        if left[0] == 0:
            do()
        return launch(self, batches, **named)

    monkeypatch.setattr(Pack, "launch", counted)


@pytest.fixture(scope="module")
def whole_exact(tmp_path_factory: pytest.TempPathFactory, small_model: None) -> list[Path]:
    """The runs in fp64, trained without a stop."""
    folders = maker(tmp_path_factory.mktemp("exact"))("whole")
    with in_double_precision():
        assert engine(folders) == 0
    return folders


@contextlib.contextmanager
def in_double_precision() -> Iterator[None]:
    """Another pack adds up in another order, and AdamW's first steps and Lion's sign() turn a rounding of a gradient
    near zero into a step of the learning rate. How much rounding there is depends on the processor; in fp64 it is too
    little to be seen in checkpoints of fp32.
    """

    def exact(*_: Any) -> BaseModel:
        base = shallow_base()
        base.unet.double()
        base.text_encoders[0].double()
        return base

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "loaded", exact)
        yield


def crash(folders: list[Path], step: int) -> None:
    def stop() -> None:
        raise StopError

    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, step, stop)
        assert engine(folders) == 1
    for folder in folders:  # a killed process leaves no word
        lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
        (folder / "events.jsonl").write_text("\n".join([*lines[:-1], '{"event": "st']), encoding="utf-8")


def engine(folders: list[Path]) -> int:
    return main([str(folder) for folder in folders])


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [event for event in found if event["event"] == kind]


def checkpoints(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {path.name: load_file(path) for path in sorted(folder.glob("*.safetensors"))}


def assert_equal(folders: list[Path], others: list[Path], tolerance: float = 0) -> None:
    for one, other in zip(folders, others, strict=True):
        found, expected = checkpoints(one), checkpoints(other)
        assert list(found) == list(expected)
        assert len(found) == EPOCHS
        for name, tensors in expected.items():
            for key, tensor in tensors.items():
                torch.testing.assert_close(found[name][key], tensor, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("step", [4, pytest.param(6, marks=pytest.mark.thorough)])
def test_a_killed_pack_goes_on_from_its_last_epoch_bit_by_bit(
    make: Callable[[str], list[Path]], whole: list[Path], step: int
) -> None:
    folders = make("killed")
    crash(folders, step)
    assert engine(folders) == 0
    assert_equal(folders, whole)
    for folder in folders:
        (resumed,) = events(folder, "resumed")
        assert resumed["step"] == (step - 1) // 2 * 2
        assert len(events(folder, "finished")) == 1
        assert not (folder / "state").exists()
        assert events(folder, "step")[-1]["average_loss"] == pytest.approx(
            events(whole[folders.index(folder)], "step")[-1]["average_loss"], rel=1e-6
        )


@pytest.mark.parametrize("step", [3, pytest.param(4, marks=pytest.mark.thorough)])
def test_a_paused_pack_goes_on_within_the_epoch_bit_by_bit(
    make: Callable[[str], list[Path]], whole: list[Path], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folders = make("paused")
    pause = folders[1] / PAUSE_FILE
    with monkeypatch.context() as patch:
        at_step(patch, step, lambda: pause.write_text(""))
        assert engine(folders) == 3
    assert [events(folder, "paused")[0]["step"] for folder in folders] == [step] * 3
    assert len(events(folders[0], "step")) == step
    pause.unlink()
    assert engine(folders) == 0
    assert_equal(folders, whole)
    assert len(events(folders[0], "step")) == STEPS


def test_a_pause_before_the_first_step_saves_nothing(make: Callable[[str], list[Path]]) -> None:
    folders = make("early")
    (folders[0] / PAUSE_FILE).write_text("")
    assert engine(folders) == 3
    assert not (folders[0] / "state").exists()


def test_runs_go_on_in_other_packs(make: Callable[[str], list[Path]], whole_exact: list[Path]) -> None:
    folders = make("apart")
    with in_double_precision():
        crash(folders, 6)
        assert engine(folders[:1]) == 0
        assert engine(folders[1:]) == 0
    assert_equal(folders, whole_exact, ROUNDING)


def test_runs_of_different_epochs_go_on_together(
    make: Callable[[str], list[Path]], whole_exact: list[Path]
) -> None:
    folders = make("uneven")
    with in_double_precision():
        crash(folders[:2], 4)
        assert engine(folders) == 0
    assert [len(events(folder, "resumed")) for folder in folders] == [1, 1, 0]
    # A step is told while the next one is done: of three that were done before the crash, two were told.
    assert [len(events(folder, "step")) for folder in folders] == [2 + 4, 2 + 4, 6]
    assert_equal(folders, whole_exact, ROUNDING)


@pytest.mark.parametrize("last", range(1, 12))
def test_a_kill_between_two_runs_states_leaves_a_place_in_common(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """Two saves of three runs are 12 renames; each is the last one before the kill."""
    folders = [tmp_path / run for run in OPTIONS]
    for folder in folders:
        folder.mkdir()
    left = [last]

    def replace(source: Path, target: Path) -> None:
        if left[0] == 0:
            raise StopError
        left[0] -= 1
        source.replace(target)

    monkeypatch.setattr(state, "replace", replace)
    with contextlib.suppress(StopError):
        for epoch in (2, 3):
            place = state.Place(epoch, 0, 2 * epoch)
            numbers = torch.full((3,), float(epoch))
            state.save({folder: state.RunState(place, "same", {"x": numbers}, {}) for folder in folders})
    found = [state.places(folder, "same", pytest.fail) for folder in folders]
    (places,) = state.group(found)
    assert list(places) == [0, 1, 2]
    for index, place in places.items():
        # Each its furthest; before the first save nobody but the first ones has any.
        assert place is None if index >= last else place is not None
        if place is not None:
            assert place.epoch == (2 if index >= last - 6 else 3)
            assert float(state.read(found[index][place]).tensors["x"][0]) == place.epoch


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("cut off", marks=pytest.mark.thorough),
        "a bit",
        pytest.param("empty", marks=pytest.mark.thorough),
        "of other images",
    ],
)
def test_a_damaged_state_is_said_and_the_run_starts_again(
    make: Callable[[str], list[Path]], whole: list[Path], damage: str
) -> None:
    folders = make("damaged")
    crash(folders, 3)
    for folder in folders:
        path = folder / "state" / state.CURRENT
        data = bytearray(path.read_bytes())
        if damage == "cut off":
            data = data[: len(data) // 2]
        elif damage == "a bit":
            data[-1000] ^= 1
        elif damage == "empty":
            data = bytearray()
        path.write_bytes(data)
    if damage == "of other images":
        caption = next((folders[0].parent.parent / "images").rglob("*.txt"))
        caption.write_text("zorb, red, number 7, ball", encoding="utf-8")
    assert engine(folders) == 0
    for folder in folders:
        (warning,) = events(folder, "warning")
        assert "can't be used" in warning["text"]
        assert not events(folder, "resumed")
    if damage != "of other images":
        assert_equal(folders, whole)


def test_a_full_disk_leaves_the_older_state(
    make: Callable[[str], list[Path]], whole_exact: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = make("full")
    written = [0]
    save_file = state.save_file

    def full(tensors: Any, path: Path, metadata: Any) -> None:
        written[0] += 1
        if written[0] > 4:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save_file(tensors, path, metadata)

    with in_double_precision():
        with monkeypatch.context() as patch:
            patch.setattr(state, "save_file", full)
            assert engine(folders) == 1
        assert "disk is full" in events(folders[0], "failed")[0]["error"]
        assert not [path for folder in folders for path in (folder / "state").glob(".tmp-*")]
        assert engine(folders) == 0
    # The first one's newer state was written whole.
    assert [events(folder, "resumed")[0]["step"] for folder in folders] == [4, 2, 2]
    assert_equal(folders, whole_exact, ROUNDING)


def test_a_run_that_died_keeps_no_state(
    make: Callable[[str], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = make("nan")
    losses = Pack.losses
    calls = [0]

    def broken(self: Pack, *arguments: Any) -> torch.Tensor:
        calls[0] += 1
        found = losses(self, *arguments)
        return found * torch.tensor([1.0, float("nan"), 1.0]) if calls[0] == 3 else found

    monkeypatch.setattr(Pack, "losses", broken)
    assert engine(folders) == 1
    assert [len(events(folder, "failed")) for folder in folders] == [0, 1, 0]
    assert [len(checkpoints(folder)) for folder in folders] == [3, 1, 3]
    assert not any((folder / "state").exists() for folder in folders)


def test_a_deleted_run_folder_stays_deleted_and_the_others_go_on(
    make: Callable[[str], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = make("deleted")
    at_step(monkeypatch, 3, lambda: shutil.rmtree(folders[1]))
    assert engine(folders) == 1
    assert [folder.exists() for folder in folders] == [True, False, True]
    assert [len(checkpoints(folder)) for folder in (folders[0], folders[2])] == [EPOCHS, EPOCHS]
