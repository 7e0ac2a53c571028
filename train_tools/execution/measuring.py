"""What a process that has trained tells for the estimates of later plans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from train_tools.engines.interface import Engine
from train_tools.errors import is_out_of_memory
from train_tools.execution.attempt import Attempt
from train_tools.execution.paces import paces
from train_tools.families.detect import detect
from train_tools.planning.lora_size import lora_shape
from train_tools.planning.measured import add_measurement, kind_of
from train_tools.planning.memory import trained_bytes
from train_tools.planning.memory_measured import add_failure, add_memory


def measure(file: Path, engine: Engine, pack: Sequence[Attempt]) -> None:
    """Keeps the time of a step, the memory that was taken, and whether it ran out."""
    kind = kind_of(engine.name, pack[0].arguments)
    trained = [attempt for attempt in pack if not attempt.fits]
    found = paces([attempt.steps for attempt in trained])
    if found and any(attempt.says_finished for attempt in trained):
        # Of those that it began with: who joins later waits for nothing.
        begun = min((a.record.started for a in trained if a.record.started), default=0.0)
        first = min(attempt.steps[0][0] for attempt in trained if attempt.steps)
        add_measurement(file, kind, found, max(0.0, first - begun) if begun else 0.0)
    if told := max((attempt.memory for attempt in pack), key=len, default=[]):
        shape = lora_shape(detect(Path(str(pack[0].arguments["pretrained_model_name_or_path"]))))
        add_memory(file, kind, told, max(trained_bytes(shape, attempt.arguments) for attempt in pack))
    if fell := sum(attempt.error is not None and is_out_of_memory(attempt.error) for attempt in trained):
        add_failure(file, kind, fell, told)
