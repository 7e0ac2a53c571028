"""Each optimizer does for a run what it does for sd-scripts' network, in any pack, and goes on from a kept state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train_tools.engines.packed import support
from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.step.optim import RunOptimizer
from train_tools.engines.packed.step.optimizers import TABLE, find
from train_tools.engines.packed.step.stepping import Stepping
from train_tools.errors import UsageError
from train_tools.lora.kinds import low_rank
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import Target

STEPS = 20
# Those that find their own rate want it to be 1.
ADAPTIVE = ("prodigy", "dadapt")
OTHERS = ("pytorch_optimizer.CAME", "prodigyplus.ProdigyPlusScheduleFree", "torch.optim.RAdam")
NAMES = [*TABLE, *OTHERS]


def warmup(name: str) -> int:
    return 0 if name.lower() == "dadaptsgd" else 4  # which divides by its rate


def targets() -> list[Target]:
    torch.manual_seed(0)
    return [
        Target("lora_te_text_model_a", nn.Linear(24, 40)),
        Target("lora_unet_b", nn.Linear(64, 96)),
        Target("lora_unet_c", nn.Conv2d(32, 48, 1)),
    ]


def config(name: str, **changes: Any) -> RunConfig:
    is_adaptive = any(word in name.lower() for word in ADAPTIVE)
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1,
        "learning_rate": 1.0 if is_adaptive else 1e-3, "network_dim": 4, "optimizer_type": name,
        "lr_scheduler": "cosine", "lr_warmup_steps": warmup(name), **changes,
    }  # fmt: skip
    return from_arguments(Path("run"), arguments)


class Trained:
    """A pack whose gradients are drawn instead of learned: from seed and step alone, for each run."""

    def __init__(self, configs: Sequence[RunConfig], seeds: Sequence[int]) -> None:
        self.stack = LoraStack(targets(), [c.network_dim for c in configs], [1.0] * len(configs))
        for index, seed in enumerate(seeds):
            self.stack.initialise(index, seed)
        self.gradients = self.stack.train_into()
        self.seeds = seeds
        self.runs = [
            RunOptimizer(c, self.stack, self.gradients, index, STEPS) for index, c in enumerate(configs)
        ]
        self.stepping = Stepping(self.runs, self.gradients)

    def train(self, first: int, last: int) -> None:
        for step in range(first, last):
            self.gradients.zero_()
            for index, seed in enumerate(self.seeds):
                for down, up, own in zip(*self._views(index), drawn(self, index, seed, step), strict=True):
                    down.copy_(own[0])
                    up.copy_(own[1])
            self.stepping.clip()
            self.stepping.step(range(len(self.runs)))

    def _views(self, index: int) -> tuple[list[Tensor], list[Tensor]]:
        ranks = [delta.ranks[index] for delta in self.stack.deltas]
        downs = [d.gradients[low_rank.DOWN][index, :r] for d, r in zip(self.stack.deltas, ranks, strict=True)]
        ups = [d.gradients[low_rank.UP][index, :, :r] for d, r in zip(self.stack.deltas, ranks, strict=True)]
        return downs, ups

    def factors(self, index: int) -> list[Tensor]:
        found = []
        for delta in self.stack.deltas:
            rank = delta.ranks[index]
            own = delta.down[index, :rank], delta.up[index, :, :rank]
            # Fused optimizers take a parameter and its gradient to lie alike.
            found += [one.detach().clone(memory_format=torch.contiguous_format) for one in own]
        return found


def drawn(trained: Trained, index: int, seed: int, step: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1000 * seed + step)
    return [
        (
            torch.randn(delta.ranks[index], delta.down.shape[2], generator=generator) / 100,
            torch.randn(delta.up.shape[1], delta.ranks[index], generator=generator) / 100,
        )
        for delta in trained.stack.deltas
    ]


def as_sd_scripts_does(run: RunConfig, seed: int) -> list[Tensor]:
    """The class over the matrices of its network, each as it lies there, in two groups."""
    from diffusers.optimization import get_scheduler
    from transformers.optimization import AdafactorSchedule

    pack = Trained([run], [seed])
    row = find(run.optimizer)
    assert row is not None
    parameters: list[nn.Parameter] = []
    for delta, (down, up) in zip(
        pack.stack.deltas, zip(*[iter(pack.factors(0))] * 2, strict=True), strict=True
    ):
        is_kernel = isinstance(delta.target.layer, nn.Conv2d)
        parameters += [nn.Parameter(one[..., None, None] if is_kernel else one) for one in (down, up)]
    groups: list[dict[str, Any]] = [
        {"params": parameters[:2], "lr": run.text_encoder_lr()}, {"params": parameters[2:], "lr": run.unet_lr},
    ]  # fmt: skip
    options = {**row.usual, **run.optimizer_args, **row.forced}
    rate: float | None = run.learning_rate
    if options.get("relative_step"):
        rate, groups = None, [{"params": group["params"]} for group in groups]
    optimizer = row.load()(groups, lr=rate, **options)
    if options.get("relative_step"):
        schedule: Any = AdafactorSchedule(optimizer, run.learning_rate)
    elif not row.is_free:
        schedule = get_scheduler(
            "cosine", optimizer, num_warmup_steps=warmup(run.optimizer), num_training_steps=STEPS
        )
    if row.is_free:
        optimizer.train()
    for step in range(STEPS):
        flat = [one for pair in drawn(pack, 0, seed, step) for one in pair]
        for parameter, gradient in zip(parameters, flat, strict=True):
            parameter.grad = gradient.reshape(parameter.shape).clone()
        torch.nn.utils.clip_grad_norm_(parameters, run.max_grad_norm)
        optimizer.step()
        if not row.is_free:
            schedule.step()
    return [parameter.detach().flatten() for parameter in parameters]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_gets_what_sd_scripts_network_gets(name: str) -> None:
    run = config(name)
    pack = Trained([run], [3])
    pack.train(0, STEPS)
    for ours, theirs in zip(pack.factors(0), as_sd_scripts_does(run, 3), strict=True):
        torch.testing.assert_close(ours.flatten(), theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_the_same_in_a_pack_of_other_ranks(name: str) -> None:
    alone = Trained([config(name)], [3])
    alone.train(0, STEPS)
    others = [config("AdamW", network_dim=8), config(name), config("Lion", network_dim=2)]
    together = Trained(others, [1, 3, 2])
    together.train(0, STEPS)
    for ours, theirs in zip(together.factors(1), alone.factors(0), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_from_a_kept_state(name: str) -> None:
    whole = Trained([config(name)], [3])
    whole.train(0, STEPS)
    half = Trained([config(name), config("AdamW", network_dim=8)], [3, 4])
    half.train(0, STEPS // 2)
    tensors = half.runs[0].tensors()
    schedule = json.loads(json.dumps(half.runs[0].schedule))
    other = Trained([config("AdamW", network_dim=8), config(name)], [5, 9])
    with torch.no_grad():
        for delta, kept in zip(other.stack.deltas, half.stack.deltas, strict=True):
            rank = kept.ranks[0]
            delta.down[1, :rank] = kept.down[0, :rank]
            delta.up[1, :, :rank] = kept.up[0, :, :rank]
    other.runs[1].restore(tensors, schedule)
    other.seeds = [5, 3]
    other.train(STEPS // 2, STEPS)
    rounding = 1e-5 if "plus" in name.lower() else 1e-7  # it keeps bf16 sums
    for ours, theirs in zip(other.factors(1), whole.factors(0), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=rounding)


@pytest.mark.parametrize(
    "schedule",
    [
        {"lr_scheduler": "linear", "lr_warmup_steps": 0.2}, {"lr_scheduler": "cosine_with_restarts"},
        {"lr_scheduler": "polynomial", "lr_scheduler_power": 2.0}, {"lr_scheduler": "constant_with_warmup"},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.1},
        {"lr_scheduler": "inverse_sqrt"}, {"lr_scheduler": "warmup_stable_decay", "lr_decay_steps": 0.3},
        {"lr_scheduler": "constant", "lr_warmup_steps": 0},
        {"lr_scheduler_type": "CosineAnnealingLR", "lr_scheduler_args": ["T_max=20"], "lr_warmup_steps": 0},
        {"lr_scheduler_type": "MultiStepLR", "lr_scheduler_args": ["milestones=[5,12]"], "lr_warmup_steps": 0},
    ],
    ids=lambda given: str(given.get("lr_scheduler_type") or given["lr_scheduler"]),
)  # fmt: skip
def test_a_schedule_goes_on_where_it_stood(schedule: dict[str, Any]) -> None:
    run = config("AdamW", **schedule)
    whole, half = Trained([run], [1]), Trained([run], [1])
    rates = []
    for step in range(STEPS):
        rates.append(whole.runs[0].learning_rate)
        whole.train(step, step + 1)
    half.train(0, 8)
    kept = json.loads(json.dumps(half.runs[0].schedule))
    again = Trained([run], [1])
    again.runs[0].restore(half.runs[0].tensors(), kept)
    found = []
    for step in range(8, STEPS):
        found.append(again.runs[0].learning_rate)
        again.train(step, step + 1)
    assert found == pytest.approx(rates[8:])
    assert schedule["lr_scheduler" if "lr_scheduler" in schedule else "lr_scheduler_type"] in (
        "constant",
    ) or (len(set(rates)) > 1)


def test_a_schedule_free_run_keeps_what_is_worth_keeping() -> None:
    pack = Trained([config("AdamWScheduleFree")], [1])
    pack.train(0, STEPS)
    trained_on = pack.factors(0)
    pack.runs[0].to_be_saved(True)
    kept = pack.factors(0)
    pack.runs[0].to_be_saved(False)
    assert any(not torch.equal(a, b) for a, b in zip(trained_on, kept, strict=True))
    for ours, theirs in zip(pack.factors(0), trained_on, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_what_no_package_has_goes_to_the_other_engine() -> None:
    given = {"max_train_epochs": 1, "optimizer_type": "CAME"}
    assert support.unsupported(given) == ["optimizer_type = 'CAME' is not known to the packed engine"]
    given["optimizer_type"] = "no_such_package.Optimizer"
    (reason,) = support.unsupported(given)
    assert "needs the Python package no_such_package" in reason
    assert support.unsupported({**given, "optimizer_type": "AdamW8bit"}) == []
    with pytest.raises(UsageError, match="refuses its learning rate"):
        Trained([config("Prodigy", optimizer_args=["wd=0.1"])], [1])
