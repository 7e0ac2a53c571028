"""Trains one run folder with sd-scripts, from its start or its last state.

`<run>/state/` holds what sd-scripts is given (`config.toml`, and `datasets.toml` where it trains several sizes at once)
and what it writes (resume.py). It goes when the run has finished.

A pause ends sd-scripts at once, as it can't be asked to save; what was trained since its last state is trained again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from train_tools.arguments.checkpoints import checkpoint_names, final_checkpoint
from train_tools.arguments.config_file import dumps
from train_tools.dataset.training import fingerprint, training_images
from train_tools.engines.events import EventLog
from train_tools.engines.interface import PAUSE_FILE, STATE_FOLDER
from train_tools.engines.sd_scripts import caches
from train_tools.engines.sd_scripts.ascii_path import ascii_path, links_folder
from train_tools.engines.sd_scripts.caches import Cache
from train_tools.engines.sd_scripts.checkpoints import ENDINGS, Gallery
from train_tools.engines.sd_scripts.command import command, variables
from train_tools.engines.sd_scripts.config import Places, for_filling, needs_cache, staged
from train_tools.engines.sd_scripts.datasets import dataset_config, has_several_sizes
from train_tools.engines.sd_scripts.engine import HOW_TO_GET_IT, processes
from train_tools.engines.sd_scripts.failure import exit_code_of_trainer, reason
from train_tools.engines.sd_scripts.family import family_of
from train_tools.engines.sd_scripts.installed import with_defaults
from train_tools.engines.sd_scripts.process import Process
from train_tools.engines.sd_scripts.progress import CACHING, LOADING, TRAINING, Progress, stage_of
from train_tools.engines.sd_scripts.resume import OUTPUT, Run, Start, remove
from train_tools.engines.sd_scripts.scalars import FOLDER, ScalarReader, log_prefix
from train_tools.engines.sd_scripts.tokenizers import tokenizers_for
from train_tools.environment.sd_scripts_place import sd_scripts_folder
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace import toml
from train_tools.workspace.files import replace, write_text
from train_tools.workspace.run_folder import ARGUMENTS, caches_of, read_record

FINISHED, FAILED, PAUSED, DIED = 0, 1, 3, 4
LOOK_S = 0.5
DATASETS = "datasets.toml"
ITS_OWN_CODES = (0, 1, 2)  # others are those of a process that was killed, or fell


def train(folder: Path, log: EventLog) -> int:
    """Returns FINISHED, FAILED, PAUSED, or DIED where sd-scripts was killed and may be tried again.

    Raises TrainToolsError and OSError where it can't be started.
    """
    training = Training(folder, log)
    log.write("stage", stage=LOADING)
    start = training.run.prepare(log)
    try:
        cache = training.cache()
        return training.pause() if training.is_asked_to_pause() else training.train(start, cache)
    except KilledError as error:
        print(f"sd-scripts was ended from outside (code {error})", flush=True)
        return DIED


class KilledError(Exception):
    """sd-scripts ended by nothing that it said; the exit code."""


class Training:
    """Of one run folder."""

    def __init__(self, folder: Path, log: EventLog) -> None:
        self._folder = folder
        self._log = log
        if not (folder / ARGUMENTS).is_file():
            raise UsageError(f"{folder} holds no {ARGUMENTS}; plan the run first")
        self._arguments: Mapping[str, Any] = toml.load(folder / ARGUMENTS)
        record = read_record(folder)
        if record is None:
            raise UsageError(f"{folder} holds no run.json; train it with `train` or `queue add`")
        self._run_id = record.run_id
        self._family = family_of(self._arguments)
        self._checkout = _checkout(self._family.training.script)
        self._work = folder / STATE_FOLDER
        self.run = Run(
            folder, self._work, record.steps, int(self._arguments["max_train_epochs"]),
            [record.digest, *_fingerprints(self._arguments)],
            int(self._arguments.get("save_every_n_steps") or 0),
        )  # fmt: skip
        # On Windows sd-scripts sees these through links whose names are ASCII.
        links = links_folder()
        self._seen = ascii_path(folder, links)
        shared = caches_of(folder) or folder / "cache"
        shared.mkdir(parents=True, exist_ok=True)
        self._caches = ascii_path(shared, links)

    def cache(self) -> Cache | None:
        """What its siblings encoded already, or what it encodes for them now; None where nothing is kept.

        Waits where another process is at it, unless a pause is asked for. Raises TrainToolsError where encoding
        fails.
        """
        if not needs_cache(self._arguments):
            return None
        folder = self._caches / "sd-scripts"
        caches.remove_unused(folder)
        cache = caches.open_cache(folder, self._arguments, self._checkout)
        while not cache.is_full and not self.is_asked_to_pause():
            try:
                with FileLock(cache.lock, timeout=LOOK_S):
                    cache.drop_damaged()
                    if not cache.is_full:
                        self._fill(cache)
            except Timeout:
                continue
        return cache

    def train(self, start: Start, cache: Cache | None) -> int:
        output = self._seen / STATE_FOLDER / OUTPUT
        prefix = log_prefix(str(self._arguments.get("log_prefix") or ""), self._run_id, start.before)
        state = output / start.state if start.state else None
        places = Places(
            output, self._seen / FOLDER, prefix, cache, self._tokenizers(), state, self._datasets()
        )
        scalars = ScalarReader(self._folder)
        progress = Progress(self._log, scalars, self.run.steps, self.run.epochs, start.before)
        gallery = Gallery(self._work / OUTPUT, self._folder, start.before)
        process = self._start("config", staged(self._meant(), places), places)
        try:
            while (items := process.next_items(LOOK_S)) is not None:
                for item in items:
                    progress.take(item)
                progress.look()
                self._hand_on(gallery, progress, at_rest=False)
                if not (self._folder / ARGUMENTS).is_file():
                    raise TrainToolsError("its folder was deleted; this run was stopped")
                if self.is_asked_to_pause():
                    process.end()
                    return self.pause()
        except TrainToolsError as error:
            process.end()
            if progress.broken():
                self._remove_work()  # its states would only lead here again
            self._log.write("failed", error=str(error))
            return FAILED
        finally:
            process.end()
        progress.look()
        self._hand_on(gallery, progress, at_rest=True)
        return self._conclude(process, progress)

    def is_asked_to_pause(self) -> bool:
        return (self._folder / PAUSE_FILE).exists()

    def pause(self) -> int:
        """What is kept is the last state."""
        epoch, step = self.run.last()
        self._log.write("paused", epoch=epoch, step=step)
        return PAUSED

    def _fill(self, cache: Cache) -> None:
        """Encodes everything, in a process that ends before its first step."""
        self._log.write("stage", stage=CACHING)
        output = self._work / "fill"
        places = Places(output, None, cache=cache, tokenizers=self._tokenizers(), datasets=self._datasets())
        process = self._start("fill", for_filling(self._meant(), places), places)
        try:
            while (items := process.next_items(LOOK_S)) is not None:
                if any(isinstance(item, str) and stage_of(item) == TRAINING for item in items):
                    cache.fill()
                    return
                if self.is_asked_to_pause():
                    return
        finally:
            process.end()
            shutil.rmtree(output, ignore_errors=True)
        raise TrainToolsError(reason(list(process.lines), _code(process)))

    def _meant(self) -> dict[str, Any]:
        return with_defaults(self._arguments, self._family)

    def _start(self, name: str, arguments: Mapping[str, Any], places: Places) -> Process:
        write_text(self._work / f"{name}.toml", dumps(arguments, self._family))
        if places.datasets is not None:
            write_text(self._work / DATASETS, dataset_config(self._arguments, places.cache))
        config = self._seen / STATE_FOLDER / f"{name}.toml"
        precision = str(arguments.get("mixed_precision") or "no")
        return Process(
            command(self._checkout, self._family.training.script, config, processes(), precision),
            self._checkout,
            variables(os.environ, is_local=places.tokenizers is not None and self._is_local()),
        )

    def _conclude(self, process: Process, progress: Progress) -> int:
        code = _code(process)
        is_there = (self._folder / final_checkpoint(self._arguments)).is_file()
        error = progress.broken() or ("" if code == 0 and is_there else reason(list(process.lines), code))
        if error:
            if progress.broken():
                self._remove_work()
            self._log.write("failed", error=error)
            return FAILED
        self._keep_what_was_asked_for()
        self._remove_work()
        self._log.write("finished")
        return FINISHED

    def _hand_on(self, gallery: Gallery, progress: Progress, *, at_rest: bool) -> None:
        for name in gallery.hand_on(at_rest=at_rest):
            epoch, step = progress.place
            self._log.write("checkpoint", file=name, epoch=epoch, step=step)

    def _keep_what_was_asked_for(self) -> None:
        """States stay where they were asked for; checkpoints that a later one was to replace go."""
        if self._arguments.get("save_state") or self._arguments.get("save_state_on_train_end"):
            for path in (self._work / OUTPUT).glob("*-state"):
                shutil.rmtree(self._folder / path.name, ignore_errors=True)
                replace(path, self._folder / path.name)
        if self._arguments.get("save_last_n_epochs") or self._arguments.get("save_last_n_steps"):
            kept = checkpoint_names(self._arguments, self.run.steps)
            for path in self._folder.glob(f"{self._arguments['output_name']}-*"):
                if path.suffix in ENDINGS and path.name not in kept:
                    path.unlink()

    def _remove_work(self) -> None:
        remove(self._work)
        if self._seen != self._folder:
            with contextlib.suppress(OSError):
                self._seen.rmdir() if os.name == "nt" else self._seen.unlink()

    def _datasets(self) -> Path | None:
        return self._seen / STATE_FOLDER / DATASETS if has_several_sizes(self._arguments) else None

    def _tokenizers(self) -> Path | None:
        return tokenizers_for(self._arguments, self._family, self._caches / "tokenizers")

    def _is_local(self) -> bool:
        models = [self._arguments.get(name) for name in ("pretrained_model_name_or_path", "vae")]
        return all(Path(str(model)).exists() for model in models if model)


def _fingerprints(arguments: Mapping[str, Any]) -> list[str]:
    """Of the images as they are now. Raises TrainToolsError where there are none to train."""
    folder = Path(arguments["train_data_dir"])
    images = training_images(folder)
    if not images:
        raise TrainToolsError(f"{folder} holds no images to train any more; process the dataset again")
    reg = training_images(Path(arguments["reg_data_dir"])) if arguments.get("reg_data_dir") else []
    return [fingerprint(images), fingerprint(reg)]


def _checkout(script: str) -> Path:
    """Raises UsageError where sd-scripts, or this script of it, is missing."""
    folder = sd_scripts_folder()
    if folder is None:
        raise UsageError(f"sd-scripts isn't there any more; {HOW_TO_GET_IT}")
    if not (folder / script).is_file():
        raise UsageError(f"{folder} has no {script}; take a newer version of sd-scripts")
    return folder


def _code(process: Process) -> int:
    """Raises KilledError."""
    code = exit_code_of_trainer(list(process.lines), process.exit_code())
    if code not in ITS_OWN_CODES:
        raise KilledError(code)
    return code
