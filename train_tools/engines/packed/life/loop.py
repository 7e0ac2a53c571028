"""The loop over epochs of one pack: steps, checkpoints, saved states, and runs that leave while the others go on."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import torch

from train_tools.engines.interface import LEAVE_FILE, PAUSE_FILE
from train_tools.engines.packed import state
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import epoch_schedule
from train_tools.engines.packed.life import metadata
from train_tools.engines.packed.life.joining import Door, Newcomer
from train_tools.engines.packed.life.member import FINISHED, LEFT, PAUSED, Member, say
from train_tools.engines.packed.life.samples import draw_samples, is_due
from train_tools.engines.packed.life.saving import Due, after_epoch, after_step, at_end
from train_tools.engines.packed.life.unheard import Ended, Unheard
from train_tools.engines.packed.life.validation import Validation
from train_tools.engines.packed.state import RunState
from train_tools.engines.packed.step.pack import Pack
from train_tools.lora import kohya

SAVED = {"float": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
SETTLED = 2  # steps, of which the first takes the optimizers' memory
RATE_STEPS = 20  # it/s is that of the last steps
STATE_SHARE = 0.05  # saving states takes at most this share of the time, from the second one on

MakePack = Callable[[list[RunConfig], list[int]], Pack]


class Loop:
    """Trains runs that stand at the same batch of an epoch, each of its own epoch."""

    def __init__(
        self,
        make_pack: MakePack,
        shared: metadata.Shared,
        members: Sequence[Member],
        validation: Validation,
        door: Door,
        settled: Callable[[Sequence[Member]], None] = lambda _members: None,
    ) -> None:
        """`settled` hears of the living runs when memory has its usual size, and after each epoch."""
        self._make_pack = make_pack
        self._door = door
        self._newcomers: list[Newcomer] = []
        self._shared = shared
        self._members = list(members)
        self._validation = validation
        self._attached = contextlib.ExitStack()
        self._pack = self._made()
        self._done = 0  # batches of the epoch
        self._times: deque[float] = deque(maxlen=RATE_STEPS + 1)
        self._saved_at = self._saving_took = 0.0
        self._settled = settled
        self._count = 0  # steps
        self._unheard: Unheard | None = None

    def resume(self, states: Sequence[RunState | None]) -> None:
        """Takes on the states of its runs; None for one that begins. Where they are within an epoch, all are."""
        for index, saved in enumerate(states):
            self._begin(index, saved)
            if saved is not None:
                self._done = saved.place.batches

    def _begin(self, index: int, saved: RunState | None) -> None:
        member = self._members[index]
        if saved is not None:
            self._take_on(index, saved)
            member.log.write("resumed", epoch=saved.place.epoch, step=saved.place.step)
        is_longer = saved is not None and saved.identity == member.kin  # than the run that kept it
        if is_longer or (saved is None and member.step):
            self._pack.optimizers[index].stand_at(member.step)

    def run(self) -> None:
        """Until all runs have ended; each knows how."""
        try:
            while self._members:
                self._epoch()
        finally:
            self._attached.close()

    def _epoch(self) -> None:
        first = self._members[0].config
        schedule = epoch_schedule(self._shared.buckets, first.batch_size)
        for member in self._members:
            member.begin_epoch(schedule, self._done)
        if not self._done and any(member.step == 0 for member in self._members):
            self._draw_samples(ends_epoch=False)
        for number in range(self._done + 1, len(schedule) + 1):
            begins = (number - 1) % first.gradient_accumulation_steps == 0
            ends = number % first.gradient_accumulation_steps == 0 or number == len(schedule)
            if begins:
                self._obey(number - 1)
                if not self._members:
                    return
            batches = [next(member.batches) for member in self._members]
            late = self._pack.launch(batches, begins=begins, ends=ends)
            self._hear()  # the one before, while this one is computed
            self._unheard = Unheard(late)
            if number == len(schedule):
                self._newcomers = self._door.newcomers(self._members)  # before the last one may leave
            if ends:
                self._end_step(number, ends_epoch=number == len(schedule))
                if not self._members and not self._newcomers:
                    return
        self._end_epoch()
        self._done = 0

    def _obey(self, done: int) -> None:
        """What a person asks of all runs, or of one alone."""
        every = range(len(self._members))
        outcome, leaving = PAUSED, list(every)
        if not any(member.is_asked(PAUSE_FILE) for member in self._members):
            outcome, leaving = LEFT, [index for index in every if self._members[index].is_asked(LEAVE_FILE)]
        if leaving:
            self._hear()
        leaving = [index for index in leaving if not self._members[index].outcome]
        self._keep(leaving, done)
        for index in leaving:
            member = self._members[index]
            member.end(outcome, "paused", epoch=member.epoch, step=member.step)
        self._let_go()

    def _hear(self) -> None:
        """What the losses say that weren't heard yet: a run whose loss isn't finite has failed."""
        unheard, self._unheard = self._unheard, None
        if unheard is None:
            return
        losses = self._pack.hear(unheard.losses)
        for member, loss, alive in zip(self._members, losses, self._pack.alive, strict=True):
            if alive:
                member.total += loss
                member.losses.append(loss)
            elif not member.outcome:
                step = member.step if unheard.ended else member.step + 1
                member.fail(
                    f"the loss is {loss} at step {step}: the learning rate is too high or an image is damaged; this "
                    "run was stopped, the others go on"
                )
        for ended in unheard.ended:
            if not ended.member.outcome:
                ended.tell()

    def _end_step(self, batches: int, *, ends_epoch: bool) -> None:
        self._count += 1
        if self._count == SETTLED:
            self._settled([member for member in self._members if not member.outcome])
        self._times.append(time.monotonic())
        rate = (len(self._times) - 1) / (self._times[-1] - self._times[0]) if len(self._times) > 1 else 0.0
        assert self._unheard is not None
        for index, (member, optimizer) in enumerate(zip(self._members, self._pack.optimizers, strict=True)):
            if not member.outcome:
                member.step += 1
                lengths = self._pack.lengths(index)
                self._unheard.ended.append(Ended(member, batches, optimizer.learning_rate, rate, lengths))
        if any(self._is_due(member, ends_epoch=ends_epoch) for member in self._members):
            self._hear()
        for index, member in enumerate(self._members):
            if not member.outcome:
                # sd-scripts counts the epoch that isn't over yet from 0.
                self._save(index, member, after_step(member.config, member.step), member.epoch - 1)
        self._validate(batches, ends_epoch=ends_epoch)
        self._draw_samples(ends_epoch=ends_epoch)
        self._end_those_through(lambda member: member.is_through)

    def _is_due(self, member: Member, *, ends_epoch: bool) -> bool:
        """Whether anything is to be kept, measured or drawn of it now, for which its losses must be known."""
        config, epoch, step = member.config, member.epoch, member.step
        return (
            ends_epoch
            or bool(member.outcome)
            or member.is_through
            or bool(after_step(config, step).file)
            or bool(self._validation.due(config, epoch, step, ends_epoch=False))
            or is_due(config, epoch, step, ends_epoch=False)
        )

    def _validate(self, batches: int, *, ends_epoch: bool) -> None:
        dues = [
            self._validation.due(m.config, m.epoch, m.step, ends_epoch=ends_epoch or m.is_through)
            for m in self._members
        ]
        if not any(dues):
            return
        losses = self._validation.measure(self._pack)
        for member, due, loss in zip(self._members, dues, losses, strict=True):
            for after in due if not member.outcome else []:
                member.log.write(
                    "validation", after=after, step=member.step, epoch=member.epoch, loss=loss,
                    divergence=loss - member.total / batches,
                )  # fmt: skip

    def _draw_samples(self, *, ends_epoch: bool) -> None:
        due = {
            index: member.epoch if member.config.sample_every_n_epochs and member.step else member.step
            for index, member in enumerate(self._members)
            if not member.outcome
            and (member.config.folder / "run.toml").is_file()  # else it was deleted, and is to stay so
            and is_due(member.config, member.epoch, member.step, ends_epoch=ends_epoch or member.is_through)
        }
        for index, done in (draw_samples(self._pack, due) if due else {}).items():
            member = self._members[index]
            if isinstance(done, str):
                member.log.write("warning", text=f"no samples are drawn: {done}")
            for file in [] if isinstance(done, str) else done:
                member.log.write("sample", file=f"{file.parent.name}/{file.name}", step=member.step)

    def _end_epoch(self) -> None:
        self._settled(self._members)
        self._end_those_through(lambda member: member.is_to_finish)
        for index, member in enumerate(self._members):
            self._save(index, member, after_epoch(member.config, member.epoch), member.epoch)
            member.end_epoch()
        self._save_states()
        self._take_in()

    def _end_those_through(self, is_through: Callable[[Member], bool]) -> None:
        for index, member in enumerate(self._members):
            if not member.outcome and not (member.config.folder / "run.toml").is_file():
                # Writing on would bring a deleted folder back, without what makes it a run.
                member.fail("its folder was deleted; this run was stopped, the others go on")
            if not member.outcome and is_through(member):
                self._finish(index, member)
        self._let_go()

    def _finish(self, index: int, member: Member) -> None:
        config = member.config
        self._save(index, member, at_end(config), member.epoch)
        if config.save_state_on_train_end or config.save_state:
            kept = self._state(index, member.epoch + 1, 0)
            state.keep(config.folder, config.output_name, dataclasses.replace(kept, identity=member.kin))
        state.remove(config.folder)
        early = {} if member.is_through else {"early": True}
        member.end(FINISHED, "finished", epoch=member.epoch, step=member.step, **early)

    def _save(self, index: int, member: Member, due: Due, epoch: int) -> None:
        if not due.file:
            return
        folder = member.config.folder
        with self._pack.to_be_saved(index):
            tensors = kohya.tensors_of(self._pack.stack, index, SAVED[member.config.save_precision])
        kohya.write(
            folder / due.file, tensors, metadata.build(member.config, self._shared, epoch, member.step)
        )
        member.log.write("checkpoint", file=due.file, epoch=epoch, step=member.step)
        say(f"saving checkpoint: {folder / due.file}")
        if due.instead_of:
            (folder / due.instead_of).unlink(missing_ok=True)

    def _save_states(self) -> None:
        began = time.monotonic()
        if self._saving_took <= STATE_SHARE * (began - self._saved_at):
            self._keep(range(len(self._members)), 0)
            self._saved_at = time.monotonic()
            self._saving_took = self._saved_at - began

    def _keep(self, indices: Iterable[int], batches: int) -> None:
        """The states of these runs, where there is anything that was trained."""
        states = {
            self._members[index].config.folder: self._state(index, self._members[index].epoch, batches)
            for index in indices
            if self._members[index].step
        }
        state.save(states)

    def _state(self, index: int, epoch: int, batches: int) -> RunState:
        member = self._members[index]
        values = {
            "schedule": self._pack.optimizers[index].schedule,
            "random": member.random if batches else member.data.random_state,
            "sum": member.total,
            **({"scale": scale.state} if (scale := self._pack.scale(index)) is not None else {}),
        }
        place = state.Place(epoch, batches, member.step)
        return RunState(place, member.identity, self._pack.tensors(index), values)

    def _take_on(self, index: int, saved: RunState) -> None:
        member = self._members[index]
        self._load(index, saved)
        member.data.random_state = saved.values["random"]
        member.epoch, member.step = saved.place.epoch, saved.place.step
        member.total = saved.values["sum"]

    def _load(self, index: int, saved: RunState) -> None:
        self._pack.restore(index, saved.tensors, saved.values["schedule"])
        if (scale := self._pack.scale(index)) is not None:
            scale.restore(saved.values["scale"])

    def _let_go(self) -> None:
        """The runs that have ended take no more time or memory: the others go on in a smaller pack."""
        if not any(member.outcome for member in self._members):
            return
        self._hear()
        staying = [index for index, member in enumerate(self._members) if not member.outcome]
        if staying:
            self._rebuild(staying, [])
        else:
            self._members = []

    def _take_in(self) -> None:
        """Those that join, in a larger pack."""
        newcomers, self._newcomers = self._newcomers, []
        if not newcomers:
            return
        before = len(self._members)
        self._rebuild(range(before), [member for member, _ in newcomers])
        self._pack.captions.expect_new()
        for index, (_, saved) in enumerate(newcomers, start=before):
            self._begin(index, saved)

    def _rebuild(self, staying: Sequence[int], new: Sequence[Member]) -> None:
        states = [self._state(index, self._members[index].epoch, 0) for index in staying]
        self._members = [*(self._members[index] for index in staying), *new]
        self._attached.close()
        del self._pack  # its memory first
        self._pack = self._made()
        for index, saved in enumerate(states):
            self._load(index, saved)

    def _made(self) -> Pack:
        configs = [member.config for member in self._members]
        pack = self._make_pack(configs, [config.max_train_steps for config in configs])
        self._attached.enter_context(pack.stack.attached())
        return pack
