"""A few trials of each fault; campaign.py tries more."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from execution.fake_engine import FakeEngine
from faults.company import Company
from faults.trial import FAULTS, Trial

from train_tools.engines import registry

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")


@pytest.mark.parametrize(("seed", "slots"), [pytest.param(0, 1, marks=pytest.mark.thorough), (1, 2)])
@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, seed: int, slots: int
) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))  # put back at the end
    trial = Trial(tmp_path, random.Random(f"{name} {seed}"), slots)
    losses = trial.run(FAULTS[name])
    assert losses == [], (tmp_path / "worker.log").read_text()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (2, 3, 4))])
def test_runs_in_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """They join, leave, finish early, are cancelled alone and get more epochs, while processes are killed."""
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))
    losses = Company(tmp_path, random.Random(f"company {seed}")).run()
    said = [(tmp_path / name).read_text() for name in ("acts.txt", "worker.log")]
    assert losses == [], "\n".join(said)
