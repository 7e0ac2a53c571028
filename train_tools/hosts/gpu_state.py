"""Who has the GPU, for the webui's page: what the trainings tell, in one document and in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.interface import KEEP, SHARE
from train_tools.hosts.trainings import PAUSED, Told

# For the line above a picture that waits, in the webui's own language.
WAITING = {
    "en": "Train Tools is training ({runs}, {percent:.0f} %): the picture waits until it ends. "
    "To draw now, pause it in the Train Tools tab.",
    "zh": "Train Tools 正在训练（{runs}，{percent:.0f}%）：图片会等到训练结束。想马上出图，"
    "请在 Train Tools 标签页中暂停训练。",
}
PAUSING = {
    "en": "Train Tools pauses its training ({runs}, {percent:.0f} %); the picture comes as soon as its state is saved.",
    "zh": "Train Tools 正在暂停训练（{runs}，{percent:.0f}%）；状态保存完毕后立即出图。",
}
ONE = {"en": "run {first} of {total}", "zh": "第 {first} 个训练，共 {total} 个"}
SEVERAL = {"en": "runs {first} to {last} of {total}", "zh": "第 {first} 至 {last} 个训练，共 {total} 个"}


class GpuState:
    """`mode` is what happens to the webui's model while a run trains, `go_on_after` see Trainings."""

    def __init__(
        self, bridge: Bridge, mode: Callable[[], str], go_on_after: Callable[[], float | None]
    ) -> None:
        self._bridge = bridge
        self._mode = mode
        self._go_on_after = go_on_after

    def shown(self) -> dict[str, Any]:
        """`trainings` counts those that have the GPU or are paused for the webui; `wishes_pause`: it wants it now."""
        trainings = self._bridge.trainings
        told = trainings.shown()
        state: dict[str, Any] = {
            "trainings": len(told) or self._bridge.memory.holders,
            "mode": self._mode(),
            "is_paused": bool(told) and all(one.state == PAUSED for one in told),
            "wishes_pause": trainings.is_pause_wished,
            "can_pause": bool(told),
            "go_on_after": self._go_on_after(),
        }
        return {**state, **_together(told)} if told else state

    def sentence(self, language: str) -> str:
        """Why a picture waits; empty where no training is the reason."""
        state = self.shown()
        if not state["trainings"] or state["is_paused"] or state["mode"] in (SHARE, KEEP):
            return ""
        if not state["can_pause"]:  # it has begun this moment
            state |= {"first": 1, "last": 1, "total": 1, "percent": 0.0}
        runs = (ONE if state["first"] == state["last"] else SEVERAL)[language].format(**state)
        return (PAUSING if state["wishes_pause"] else WAITING)[language].format(**state, runs=runs)


def _together(told: list[Told]) -> dict[str, Any]:
    """Of several processes, each on a GPU of its own."""
    return {
        "first": min(one.first for one in told),
        "last": max(one.last for one in told),
        "total": max(one.total for one in told),
        "percent": sum(one.percent for one in told) / len(told),
    }
