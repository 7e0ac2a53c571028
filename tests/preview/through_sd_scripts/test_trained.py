"""What sd-scripts trained in our engine is drawn from the very file that it saved: the real one, on narrow models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engines.sd_scripts.bench import SETTINGS, make_version
from preview.through_sd_scripts.asked import Drawer, cell
from preview.through_sd_scripts.conftest import Workshop

from train_tools.execution.train import train
from train_tools.planning.plan import make_plan
from train_tools.preview.cells import find_checkpoints, find_runs

pytestmark = [pytest.mark.real_sd_scripts, pytest.mark.slow, pytest.mark.timeout(900)]
FOUR_STEPS = {"train_batch_size": "3", "max_train_epochs": "1", "learning_rate": "0.01"}


@pytest.mark.parametrize("family", ["flux", "anima"])
def test_what_was_trained_is_drawn(workshop: Workshop, drawer: Drawer, family: str, tmp_path: Path) -> None:
    version = make_version(tmp_path / "root")
    models = {name: str(value) for name, value in workshop.models(family).items()}
    plan = make_plan(version, {**SETTINGS, **FOUR_STEPS, **models}, "sd-scripts")
    (result,) = train(version, plan, lambda run, event: None)
    assert (result.state, result.steps) == ("finished", 4)
    (run,) = find_runs(version)
    (of,) = find_checkpoints(run)
    prompts = ("zorb, a red circle", "a house")
    pictures = drawer.draw([cell(of, weight=w, prompt=p) for p in prompts for w in (0.0, 1.0)])
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert all(np.ptp(picture) > 50 for picture in pictures)  # neither even nor black
