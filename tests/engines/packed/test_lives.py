"""Runs of a pack that end, leave or begin apart from the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engines.packed import test_resume as runs
from engines.packed.test_resume import at_step, checkpoints, engine, events, in_double_precision
from safetensors import safe_open

from train_tools.engines.interface import FINISH_FILE, JOIN_FILE, LEAVE_FILE, PAUSE_FILE
from train_tools.engines.packed.step.pack import Late, Pack
from train_tools.workspace import toml

small_model = runs.small_model
make_folders = runs.make

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A run folder; 2 batches of 2 images are an epoch."""
    runs.maker(tmp_path)

    def folder(name: str, **options: Any) -> Path:
        made = runs.run_folder(tmp_path, tmp_path / "runs" / name, options)
        if "max_train_steps" in options:
            arguments = toml.load(made / "run.toml")
            del arguments["max_train_epochs"]
            (made / "run.toml").write_text(toml.dumps(arguments), encoding="utf-8")
        return made

    return folder


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs each batch was trained with."""
    found: list[int] = []
    launch = Pack.launch

    def counted(self: Pack, batches: list[Any], **named: bool) -> Late:
        found.append(len(batches))
        return launch(self, batches, **named)

    monkeypatch.setattr(Pack, "launch", counted)
    return found


def assert_as_alone(folder: Path, alone: Path) -> None:
    found, expected = checkpoints(folder), checkpoints(alone)
    assert list(found) == list(expected)
    for name, tensors in expected.items():
        for key, tensor in tensors.items():
            torch.testing.assert_close(found[name][key], tensor, rtol=runs.ROUNDING, atol=runs.ROUNDING)


def said(file: Path) -> dict[str, str]:
    with safe_open(file, "pt") as found:
        return dict(found.metadata())


def test_a_run_of_fewer_epochs_ends_before_the_others_and_all_are_as_alone(
    make: Make, sizes: list[int]
) -> None:
    lengths = {
        "one": {"max_train_epochs": 1, "seed": 1, "lr_scheduler": "cosine"},
        "three": {"max_train_epochs": 3, "seed": 2, "lr_scheduler": "linear", "network_dim": 2},
        "two": {"max_train_epochs": 2, "seed": 3, "optimizer_type": "Lion", "learning_rate": 1e-4},
    }
    together = [make(name, **options) for name, options in lengths.items()]
    alone = [make(f"{name} alone", **options) for name, options in lengths.items()]
    with in_double_precision():
        assert engine(together) == 0
        assert sizes == [3, 3, 2, 2, 1, 1]
        for folder in alone:
            assert engine([folder]) == 0
    for folder, other in zip(together, alone, strict=True):
        assert_as_alone(folder, other)
        assert not (folder / "state").exists()
    ends = [events(folder, "finished")[0]["time"] for folder in together]
    seconds_later = events(together[1], "step")
    assert ends[0] <= seconds_later[2]["time"]
    assert ends[2] <= seconds_later[4]["time"]
    assert [events(folder, "step")[-1]["steps"] for folder in together] == [2, 6, 4]


def test_what_a_run_began_from_may_go_while_the_pack_becomes_smaller(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = make("earlier", max_train_epochs=1)
    assert engine([earlier]) == 0
    (start,) = earlier.glob("*.safetensors")
    start = start.rename(tmp_path / "start.safetensors")
    short = make("short", max_train_epochs=1)
    longer = make("longer", max_train_epochs=2, network_weights=str(start))
    at_step(monkeypatch, 1, start.unlink)
    assert engine([short, longer]) == 0
    assert len(events(longer, "step")) == 4


def test_max_train_steps_ends_within_an_epoch_under_sd_scripts_names(make: Make) -> None:
    by_steps = make("steps", max_train_steps=3, save_every_n_steps=2)
    longer = make("longer", max_train_epochs=2)
    assert engine([by_steps, longer]) == 0
    assert list(checkpoints(by_steps)) == [
        "lora-000001.safetensors",
        "lora-step00000002.safetensors",
        "lora.safetensors",
    ]
    last = said(by_steps / "lora.safetensors")
    assert (last["ss_steps"], last["ss_max_train_steps"], last["ss_num_epochs"]) == ("3", "3", "2")
    (finished,) = events(by_steps, "finished")
    assert (finished["epoch"], finished["step"]) == (2, 3)
    assert "early" not in finished


def test_gradients_of_several_batches_are_one_step(make: Make, tmp_path: Path) -> None:
    """Three batches an epoch: the second step of each has one batch, whose loss counts half all the same."""
    image = next((tmp_path / "images").rglob("0.png"))
    image.with_name("9.png").write_bytes(image.read_bytes())
    options = {
        "gradient_accumulation_steps": 2,
        "max_train_epochs": 2,
        "save_every_n_steps": 1,
        "max_grad_norm": 0,
    }
    together = [make(name, seed=seed, **options) for seed, name in enumerate("ab")]
    alone = make("alone", seed=1, **options)
    with in_double_precision():
        assert engine(together) == 0
        assert engine([alone]) == 0
    assert_as_alone(together[1], alone)
    assert [event["step"] for event in events(alone, "step")] == [1, 2, 3, 4]
    assert said(alone / "lora.safetensors")["ss_steps"] == "4"


def test_an_accumulated_step_is_that_of_the_mean_gradient(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradients: list[torch.Tensor] = []
    backward = Pack.backward

    def noted(self: Pack, losses: torch.Tensor, **named: bool) -> None:
        backward(self, losses, **named)
        gradients.append(self.gradients.clone())

    monkeypatch.setattr(Pack, "backward", noted)
    options = {"max_train_epochs": 1, "learning_rate": 1e-30, "seed": 1}  # so that both see the same weights
    with in_double_precision():
        assert engine([make("apart", **options)]) == 0
        assert engine([make("summed", gradient_accumulation_steps=2, **options)]) == 0
    one, other, _, summed = gradients
    torch.testing.assert_close(summed, (one + other) / 2)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.thorough), 4])
def test_one_run_leaves_and_goes_on_later_as_if_it_had_not(
    make: Make, sizes: list[int], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    together = [make(name, seed=seed) for seed, name in enumerate("abc")]
    alone = [make(f"{name} alone", seed=seed) for seed, name in enumerate("abc")]
    leave = together[1] / LEAVE_FILE
    with in_double_precision():
        with monkeypatch.context() as patch:
            at_step(patch, step, lambda: leave.write_text(""))
            assert engine(together) == 0
        assert sizes == [3] * step + [2] * (6 - step)
        assert events(together[1], "paused")[0]["step"] == step
        assert [len(events(folder, "finished")) for folder in together] == [1, 0, 1]
        leave.unlink()
        assert engine([together[1]]) == 0
        for folder in alone:
            assert engine([folder]) == 0
    for folder, other in zip(together, alone, strict=True):
        assert_as_alone(folder, other)


def test_a_run_is_finished_early_where_it_is_asked_to(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    early, other = make("early", seed=1), make("other", seed=2)
    at_step(monkeypatch, 3, lambda: (early / FINISH_FILE).write_text(""))
    assert engine([early, other]) == 0
    (finished,) = events(early, "finished")
    assert (finished["epoch"], finished["step"], finished["early"]) == (2, 4, True)
    assert list(checkpoints(early)) == ["lora-000001.safetensors", "lora.safetensors"]
    assert said(early / "lora.safetensors")["ss_epoch"] == "2"
    assert len(checkpoints(other)) == 3


def test_a_run_is_finished_after_the_epoch_that_is_named(make: Make) -> None:
    late, now, other = make("late", seed=1), make("now", seed=2), make("other", seed=3)
    (late / FINISH_FILE).write_text("2")
    (now / FINISH_FILE).write_text("1")
    assert engine([late, now, other]) == 0
    assert [events(folder, "finished")[0]["epoch"] for folder in (late, now, other)] == [2, 1, 3]


def test_what_comes_after_a_runs_end_says_nothing_of_it(
    make: Make, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    short, broken, long = make("short", max_train_epochs=1), make("broken"), make("long")
    losses = Pack.losses

    def nan(self: Pack, *arguments: Any) -> torch.Tensor:
        found = losses(self, *arguments)
        return found * torch.tensor([1.0, float("nan"), 1.0]) if len(sizes) == 1 else found

    monkeypatch.setattr(Pack, "losses", nan)
    at_step(monkeypatch, 4, lambda: (long / PAUSE_FILE).write_text(""))
    assert engine([short, broken, long]) == 3
    assert sizes == [3, 3, 1, 1]  # what a step lost is known while the next one is done
    assert [events(short, kind) != [] for kind in ("finished", "failed", "paused")] == [True, False, False]
    assert [events(broken, kind) != [] for kind in ("finished", "failed", "paused")] == [False, True, False]
    (long / PAUSE_FILE).unlink()

    def fall() -> None:
        raise MemoryError("out of memory")

    again, other = make("again", max_train_epochs=1), make("other")
    at_step(monkeypatch, 3, fall)
    assert engine([again, other]) == 1
    assert [len(events(again, kind)) for kind in ("finished", "failed")] == [1, 0]
    assert [len(events(other, kind)) for kind in ("finished", "failed")] == [0, 1]


def test_a_finished_run_goes_on_for_more_epochs_as_if_it_had_been_longer(make: Make) -> None:
    first = make("first", max_train_epochs=1, save_state_on_train_end=True, lr_scheduler="cosine", seed=1)
    whole = make("whole", max_train_epochs=3, lr_scheduler="constant", seed=1)
    short = make("short", max_train_epochs=1, save_state_on_train_end=True, seed=1)
    kept = short / "lora-state"
    more = make("more", resume=str(kept), initial_epoch=2, initial_step=2, max_train_epochs=3, seed=1)
    with in_double_precision():
        assert engine([short, whole]) == 0
        assert engine([first]) == 0
        curved = make(
            "curved", resume=str(first / "lora-state"), lr_scheduler="cosine", max_train_epochs=2, seed=1
        )
        other = make("other", max_train_epochs=3, seed=9)
        assert engine([more, curved, other]) == 0
    assert (kept / "state.safetensors").is_file()
    assert not (short / "state").exists()
    assert list(checkpoints(more)) == ["lora-000002.safetensors", "lora.safetensors"]
    expected = checkpoints(whole)
    for name, tensors in checkpoints(more).items():
        for key, tensor in tensors.items():
            torch.testing.assert_close(tensor, expected[name][key], rtol=runs.ROUNDING, atol=runs.ROUNDING)
    assert events(more, "resumed")[0]["step"] == 2
    assert [event["step"] for event in events(more, "step")] == [3, 4, 5, 6]
    # The learning rate is that of a run of two epochs, not what was left of one.
    assert [event["lr"] for event in events(curved, "step")] == pytest.approx([1.46e-4, 0], abs=1e-6)


def test_a_state_that_doesnt_fit_fails_its_own_run_alone(make: Make) -> None:
    first = make("first", max_train_epochs=1, save_state_on_train_end=True, network_dim=2)
    assert engine([first]) == 0
    wrong = make("wrong", resume=str(first / "lora-state"), network_dim=4)
    done = make("done", resume=str(first / "lora-state"), network_dim=2, max_train_epochs=1)
    right = make("right", resume=str(first / "lora-state"), network_dim=2, max_train_epochs=2)
    assert engine([wrong, done, right]) == 1
    assert "its settings or its base model were others" in events(wrong, "failed")[0]["error"]
    assert "nothing left to train" in events(done, "failed")[0]["error"]
    assert events(right, "finished")


def test_what_is_held_back_is_measured_at_each_epochs_end_and_as_alone(make: Make) -> None:
    shared = {"validation_split": 0.5, "validation_seed": 3, "validate_every_n_steps": 1}
    together = [
        make("one", max_train_epochs=1, seed=1, **shared),
        make("two", max_train_epochs=2, seed=2, optimizer_type="AdamWScheduleFree", **shared),
    ]
    alone = make("alone", max_train_epochs=2, seed=2, optimizer_type="AdamWScheduleFree", **shared)
    with in_double_precision():
        assert engine(together) == 0
        assert engine([alone]) == 0
    one, two, other = (events(folder, "validation") for folder in (*together, alone))
    # Two pictures of two shapes are left: two steps an epoch.
    assert [(e["after"], e["epoch"], e["step"]) for e in one] == [
        ("step", 1, 1), ("step", 1, 2), ("epoch", 1, 2),
    ]  # fmt: skip
    assert [(e["after"], e["step"]) for e in two][3:] == [("step", 3), ("step", 4), ("epoch", 4)]
    assert [e["loss"] for e in two] == pytest.approx([e["loss"] for e in other], rel=1e-6)
    assert len({e["loss"] for e in two}) == 4
    average = events(together[1], "step")[1]["average_loss"]
    assert two[2]["divergence"] == pytest.approx(two[2]["loss"] - average)
    (last,) = together[0].glob("*.safetensors")
    assert said(last)["ss_num_validation_images"] == "2"
    assert said(last)["ss_num_train_images"] == "2"


def test_a_run_joins_at_an_epochs_end_and_all_are_as_alone(
    make: Make, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = {"short": 1, "long": 3, "newcomer": 2, "last": 1}
    folders = {
        name: make(name, max_train_epochs=epochs, seed=epochs, lr_scheduler="linear")
        for name, epochs in lengths.items()
    }
    alone = {
        name: make(f"{name} alone", max_train_epochs=lengths[name], seed=lengths[name], lr_scheduler="linear")
        for name in ("long", "newcomer")
    }
    asking = folders["long"] / JOIN_FILE
    with in_double_precision():
        with monkeypatch.context() as patch:
            at_step(patch, 1, lambda: asking.write_text(f"{folders['newcomer']}\n"))
            at_step(patch, 5, lambda: asking.write_text(f"{folders['newcomer']}\n{folders['last']}\n"))
            assert engine([folders["short"], folders["long"]]) == 0
        # The last one comes in as the others end.
        assert sizes == [2, 2, 2, 2, 2, 2, 1, 1]
        for folder in alone.values():
            assert engine([folder]) == 0
    assert not asking.exists()
    for name, folder in alone.items():
        assert_as_alone(folders[name], folder)
    assert [len(events(folder, "finished")) for folder in folders.values()] == [1] * 4


def test_who_cant_join_waits_for_another_pack(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    first, other, broken = (
        make("first"),
        make("other", train_batch_size=1),
        make("broken", optimizer_type="No"),
    )
    late = make("late")
    asking = first / JOIN_FILE
    image = next(path for path in first.parents[1].rglob("*.txt"))

    def change() -> None:
        image.write_text("zorb, blue", encoding="utf-8")
        asking.write_text(f"{late}\n")

    at_step(monkeypatch, 1, lambda: asking.write_text(f"{other}\n{broken}\n{first}\n"))
    at_step(monkeypatch, 3, change)
    assert engine([first]) == 0
    said = capsys.readouterr().out
    assert "other doesn't join: it differs in what a pack must share" in said
    assert "broken doesn't join" in said
    assert "late doesn't join: the images have changed" in said
    for folder in (other, broken, late):
        assert not (folder / "events.jsonl").exists()
