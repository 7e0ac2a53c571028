"""What a plan has to say before anything starts: each with an id, a sentence, what to do, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "advice"]


ORDER: tuple[Severity, ...] = ("error", "warning", "advice")


@dataclass(frozen=True)
class Finding:
    """An error: the run would fail, or do something else than asked. `runs` is how many runs it is about; 0: the
    plan as a whole. `source` may be empty.
    """

    id: str
    severity: Severity
    sentence: str
    fix: str
    source: str
    runs: int = 0


# What isn't about one run's values: id -> (severity, fix).
GENERAL: dict[str, tuple[Severity, str]] = {
    "same-value": ("advice", ""),
    "same-run": ("advice", "it is trained once"),
    "unknown-setting": ("warning", "it is ignored; mend its name in [training]"),
    "shipped-model": ("warning", "choose your own base model (pretrained_model_name_or_path)"),
    "lacking-setting": (
        "error",
        "take it out (`settings reset`), or choose the version of sd-scripts that knows it (`env use`)",
    ),
    "preset-family": ("warning", "choose one that fits it; `presets list --for FILE` names those first"),
    "not-packed": (
        "advice",
        "leave that out, if you can do without it: the others are trained in one process",
    ),
    "apart": ("advice", "set the same there for all, where they are to be trained together"),
    "model-unread": ("advice", "plan again in a moment; it is read once"),
    "time-guessed": ("advice", "they are measured with the first training like this on this machine"),
    "size-guessed": ("warning", "disk is that of a LoRA for Stable Diffusion 1.5"),
}


class Findings:
    """Collects findings; one that was said for many runs is told once, with their count."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], Finding] = {}
        self._runs: dict[tuple[str, str], int] = {}

    def say(self, identity: str, sentence: str) -> None:
        severity, fix = GENERAL[identity]
        self._said.setdefault((identity, sentence), Finding(identity, severity, sentence, fix, ""))

    def add(self, finding: Finding) -> None:
        key = finding.id, finding.sentence
        self._said.setdefault(key, finding)
        self._runs[key] = self._runs.get(key, 0) + 1

    def take(self, other: Findings) -> tuple[str, ...]:
        """What was found of one run; gives its errors as sentences."""
        for key, finding in other._said.items():
            self._said.setdefault(key, finding)
            self._runs[key] = self._runs.get(key, 0) + other._runs.get(key, 0)
        found = [finding for finding in other._said.values() if finding.severity == "error"]
        return tuple(f"{f.sentence}: {f.fix}" if f.fix else f.sentence for f in found)

    def all(self) -> tuple[Finding, ...]:
        """Errors first, then warnings, each group in the order in which they were found."""
        found = [
            Finding(f.id, f.severity, f.sentence, f.fix, f.source, self._runs.get(key, 0))
            for key, f in self._said.items()
        ]
        return tuple(sorted(found, key=lambda finding: ORDER.index(finding.severity)))
