"""What a process that has trained tells for the estimates of later plans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from train_tools.engines.interface import Engine
from train_tools.execution.attempt import Attempt
from train_tools.execution.transient import is_memory
from train_tools.families.detect import detect
from train_tools.planning.lora_size import lora_shape
from train_tools.planning.measured import add_measurement, kind_of
from train_tools.planning.memory import trained_bytes
from train_tools.planning.memory_measured import add_failure, add_memory


def measure(file: Path, engine: Engine, pack: Sequence[Attempt]) -> None:
    """Keeps the time of a step, the memory that was taken, and whether it ran out."""
    kind = kind_of(engine.name, pack[0].arguments)
    trained = [attempt for attempt in pack if not attempt.fits]
    times = [seconds for attempt in trained if (seconds := attempt.seconds_per_step) is not None]
    if times and any(attempt.says_finished for attempt in trained):
        firsts = [a.first_step[1] - a.record.started for a in trained if a.first_step and a.record.started]
        # A run that leaves early has seen the whole pack; the others went on quicker.
        add_measurement(file, kind, len(trained), max(times), max(0.0, min(firsts, default=0.0)))
    if told := max((attempt.memory for attempt in pack), key=len, default=[]):
        shape = lora_shape(detect(Path(str(pack[0].arguments["pretrained_model_name_or_path"]))))
        add_memory(file, kind, told, max(trained_bytes(shape, attempt.arguments) for attempt in pack))
    if any(attempt.error and is_memory(attempt.error) for attempt in trained):
        add_failure(file, kind, len(trained), told)
