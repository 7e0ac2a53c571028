"""What a person does with the environment: make, check, upgrade, go back; each calls `say` as it goes on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from train_tools.environment import (
    journal,
    mirror_choice,
    mirrors,
    program,
    record,
    sd_scripts,
    sd_scripts_asked,
    self_check,
    switch,
)
from train_tools.environment.failure import SetupError
from train_tools.environment.machine import this_machine
from train_tools.environment.place import ENVIRONMENT_VARIABLE, RUNNING, Place, place
from train_tools.environment.plan import Stage
from train_tools.environment.process import process_environment
from train_tools.environment.sd_scripts_place import (
    SD_SCRIPTS_VARIABLE,
    VERSIONS,
    sd_scripts_folder,
    sd_scripts_python,
)
from train_tools.environment.self_check import Outcome
from train_tools.environment.setup import Say, is_due, prepare
from train_tools.environment.start import base_python, inner_variables
from train_tools.errors import TrainToolsError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Manager:
    """`root` is the folder of the program's settings; `base_model` is what `check` trains on."""

    root: Path
    base_model: Path
    say: Say
    environ: Mapping[str, str]

    def place(self) -> Place:
        """Raises SetupError where the running interpreter is to be taken as it is."""
        found = place(self.environ)
        if found is None:
            raise SetupError(
                f"{ENVIRONMENT_VARIABLE}={RUNNING} takes the running Python as it is; unset it to have one made"
            )
        return found

    def create(self, revision: str = "") -> Place:
        """Makes what is missing of the environment, and of that version of sd-scripts, which is used from then on."""
        chosen = self.place()
        if chosen.kept and chosen.identity() and not revision:
            raise SetupError(
                "an earlier environment was gone back to and is kept; `env upgrade` makes a new one"
            )
        self._set_up(chosen, revision)
        if revision:
            self._use(chosen, sd_scripts.name_of(revision))
        return chosen

    def use(self, name: str) -> None:
        """Raises SetupError where that version of sd-scripts isn't there."""
        self._use(self.place(), name)

    def _use(self, chosen: Place, name: str) -> None:
        sd_scripts.use(chosen, name)
        self._ask(sd_scripts.folder_of(chosen, name))

    def _ask(self, checkout: Path) -> None:
        """What its trainers know, where that isn't known; it can be used without."""
        if not sd_scripts_asked.is_due(checkout, self.environ):
            return
        self.say(f"asking {sd_scripts_asked.title_of(checkout)} which arguments it knows")
        if problem := sd_scripts_asked.ask(checkout, self.environ).problem:
            self.say(f"not all of it gave an answer: {problem}")

    def upgrade(self) -> Place:
        """Builds a new environment beside the one that is used, checks it, and goes over to it.

        It gets the version of sd-scripts that the old one uses.
        """
        old = self.place()
        new = switch.next_place(old)
        revision = sd_scripts.revision_of(old, sd_scripts.current(old))
        self._set_up(new, revision)
        if revision:
            self._use(new, sd_scripts.name_of(revision))
        wrong = [outcome for outcome in self.check(new) if outcome.state == self_check.FAILED]
        if wrong:
            text = (
                f"the new environment {new.folder.name} doesn't work, so the old one stays: {wrong[0].text}"
            )
            journal.Journal(new.journal).failed(text)
            raise SetupError(text)
        switch.go_over(old, new)
        self.say(f"{new.folder.name} is used now; `env rollback` goes back to {old.folder.name}")
        return new

    def check(self, chosen: Place | None = None) -> list[Outcome]:
        """Of the environment (or the interpreter that is taken instead) and of the sd-scripts that is used."""
        own = chosen or place(self.environ)
        if own is not None and not own.identity():
            return [
                Outcome(
                    "python", self_check.FAILED, f"{own.folder} is not there or not whole; use `env create`"
                )
            ]
        python = own.python if own else Path(sys.executable)
        settled = process_environment(self.environ, self.root)
        # Also where the running interpreter is taken, our package must be found.
        inner = inner_variables(own or Place(ROOT, Path(sys.prefix)), settled)
        lock = ROOT / "requirements" / "run.lock"
        found = self_check.check_packages(python, lock, this_machine(settled).nvidia, inner)
        found.append(self_check.check_step(python, self.base_model, inner))
        if checkout := self._checkout(chosen):
            # It finds its own modules beside its script, and must not find ours.
            ours = ("PYTHONPATH", "PYTHONSAFEPATH")
            plain = {name: value for name, value in inner.items() if name not in ours}
            found.append(self_check.check_sd_scripts(sd_scripts_python(checkout), checkout, plain))
            self._ask(checkout)
            if told := what_is_known(checkout, self.environ):
                found.append(told)
        return found

    def _checkout(self, chosen: Place | None) -> Path | None:
        if chosen is None or self.environ.get(SD_SCRIPTS_VARIABLE):
            return sd_scripts_folder(self.environ)
        name = sd_scripts.current(chosen)
        return sd_scripts.folder_of(chosen, name) if name else None

    def _set_up(self, chosen: Place, revision: str) -> None:
        """Every stage that is due, of the environment and of sd-scripts; nothing of the latter where none is asked."""
        wanted = switch.all_stages(chosen, base_python(), [revision] if revision else [])
        if chosen.kept and chosen.identity():  # its own packages stay as they are
            wanted = [stage for stage in wanted if stage.name.startswith(VERSIONS)]
        if not any(is_due(chosen, stage) for stage in wanted):
            if not record.read(chosen).packages:  # a set-up that failed later left none
                record.write(chosen)
            journal.Journal(chosen.journal).finished("the environment is ready")
            return
        try:
            self._prepare(chosen, wanted, revision)
        except (SetupError, TrainToolsError, OSError) as error:
            said = journal.read(chosen.journal)[-1:]
            if not said or said[0].get("text") != str(error):
                journal.Journal(chosen.journal).failed(str(error))
            raise

    def _prepare(self, chosen: Place, wanted: list[Stage], revision: str) -> None:
        settings = program.read(self.root)
        mirror_choice.find_out(self.root, settings, self._services(revision))
        try:
            prepare(chosen, wanted, self.say, {**self.environ, program.ROOT_VARIABLE: str(self.root)})
        except SetupError as error:
            if settings.offline:
                told = f"{error}; offline mode is on: `env settings --set offline=false` switches it off"
                raise SetupError(told) from error
            raise

    def _services(self, revision: str) -> tuple[str, ...]:
        """Those whose mirrors matter now; an index that a person has set for pip is theirs to choose."""
        own_index = "index-url" in mirrors.pip_settings(sys.executable) or self.environ.get("PIP_INDEX_URL")
        return (*(() if own_index else ("package_index",)), *(("github",) if revision else ()))


def what_is_known(checkout: Path, environ: Mapping[str, str]) -> Outcome | None:
    """Of its trainers' arguments; None where there is nothing to ask."""
    if not sd_scripts_asked.can_be_asked(checkout):
        return None
    asked = sd_scripts_asked.read(sd_scripts_asked.data_file(checkout, environ))
    return self_check.of_asked(sd_scripts_asked.title_of(checkout), asked)
