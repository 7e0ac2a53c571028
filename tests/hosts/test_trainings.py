"""What a host makes of what trainings tell it, with a clock of the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from train_tools.hosts.interface import HostError, HostProgress
from train_tools.hosts.trainings import LEASE_S, PAUSED, TRAINING, Told, Trainings


@dataclass
class Desk:
    """A host's side with what a test may change."""

    now: float = 0.0
    progress: HostProgress = field(default_factory=HostProgress)
    may_pause: bool = False
    go_on_after: float | None = None
    trainings: Trainings = field(init=False)

    def __post_init__(self) -> None:
        self.trainings = Trainings(
            lambda: self.progress, lambda: self.may_pause, lambda: self.go_on_after, lambda: self.now
        )

    def tell(self, state: str, after: int = 1, id: str = "a") -> bool:  # noqa: A002
        """Every second; the last answer."""
        for _ in range(after):
            self.now += 1
            answer = self.trainings.tell(Told(id, state, is_held=state == TRAINING))
        return answer


def test_what_isnt_told_any_more_is_over() -> None:
    desk = Desk()
    desk.tell(TRAINING)
    desk.now += LEASE_S - 1
    assert [told.id for told in desk.trainings.shown()] == ["a"]
    desk.now += 2
    assert desk.trainings.shown() == []
    with pytest.raises(HostError, match="no training runs"):
        desk.trainings.pause()


def test_a_person_pauses_it_and_lets_it_go_on() -> None:
    desk = Desk()
    assert not desk.tell(TRAINING)
    desk.trainings.pause()
    assert desk.tell(TRAINING)
    assert desk.tell(PAUSED)
    assert desk.tell(PAUSED, after=3600), "without a time of its own it waits for the person"
    desk.trainings.go_on()
    assert not desk.tell(PAUSED)


def test_one_that_was_let_go_on_elsewhere_isnt_paused_again() -> None:
    desk = Desk()
    desk.tell(TRAINING)
    desk.trainings.pause()
    assert desk.tell(PAUSED)
    assert not desk.tell(TRAINING), "in the queue's panel"
    assert not desk.trainings.is_pause_wished


def test_a_host_whose_page_was_reloaded_keeps_the_pause() -> None:
    desk = Desk(go_on_after=60)
    assert desk.tell(PAUSED)
    assert desk.tell(PAUSED, after=50)
    assert not desk.tell(PAUSED, after=10)


def test_it_goes_on_some_time_after_the_last_picture() -> None:
    desk = Desk(go_on_after=60)
    desk.tell(TRAINING)
    desk.trainings.pause()
    assert desk.tell(PAUSED)
    desk.progress = HostProgress(job="task(1)")
    assert desk.tell(PAUSED, after=59)
    desk.progress = HostProgress(waiting=1)
    assert desk.tell(PAUSED, after=59)
    desk.progress = HostProgress()
    assert desk.tell(PAUSED, after=59)
    assert not desk.tell(PAUSED, after=2)


def test_a_picture_pauses_it_where_that_is_set() -> None:
    desk = Desk()
    desk.tell(TRAINING)
    desk.progress = HostProgress(waiting=1)
    assert not desk.tell(TRAINING)
    desk.may_pause = True
    assert desk.tell(TRAINING)
    desk.progress = HostProgress(job="task(1)")
    assert desk.tell(TRAINING), "until its state is saved"


def test_a_wish_is_no_later_trainings() -> None:
    desk = Desk()
    desk.tell(TRAINING)
    desk.trainings.pause()
    assert desk.tell(PAUSED)
    desk.now += LEASE_S + 1  # its worker was killed
    assert not desk.tell(TRAINING, id="b")


def test_a_worker_that_is_started_beside_a_paused_one_changes_nothing() -> None:
    desk = Desk()
    desk.tell(TRAINING)
    desk.trainings.pause()
    desk.tell(PAUSED)
    desk.trainings.go_on()
    assert not desk.tell(PAUSED, id="b")


def test_several_cards_are_paused_together_and_the_last_takes_the_wish_along() -> None:
    desk = Desk()
    desk.tell(TRAINING)
    desk.tell(TRAINING, id="b")
    desk.trainings.pause()
    assert desk.tell(PAUSED)
    assert desk.tell(TRAINING, id="b")
    desk.trainings.gone("a")
    assert desk.trainings.is_pause_wished
    desk.trainings.gone("b")
    assert not desk.trainings.is_pause_wished


@pytest.mark.parametrize("given", [{}, {"id": "a"}, {"id": "a", "state": "odd"}])
def test_what_isnt_a_training_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(HostError, match="the same in both places"):
        Told.of(given)
    assert Told.of({"id": "a", "state": "paused", "more": 1}).state == PAUSED
