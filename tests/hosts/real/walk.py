"""All checks in a real webui, one after another, as a table."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from hosts.real import memory_checks as memory
from hosts.real import models
from hosts.real import page_checks as page
from hosts.real import picture_checks as pictures
from hosts.real import training_checks as training
from hosts.real.situation import Check, FailedError, LeftOutError, Situation
from hosts.real.webui import Installation, RealWebui

PASSED, FAILED, LEFT = "passed", "FAILED", "left out"
REFUSALS = tuple(
    pictures.refused(name)
    for name in ("of SDXL", "of other widths", "half of it fits", "4 layers don't fit", "damaged")
)
# What the webui is started with, and what is looked at then.
PHASES: tuple[tuple[tuple[str, ...], tuple[Check, ...]], ...] = (
    (
        (),
        (
            page.recognised, page.tab, page.page, page.page_names_host, page.tab_in_browser, page.models_listed,
            pictures.same_picture, pictures.same_picture_with_lora, *REFUSALS, pictures.missing_things,
            pictures.other_settings_stay, pictures.other_base_model, pictures.options_unchanged,
            pictures.lora_folder_clean, memory.memory_waiting, memory.memory_shared, memory.captioners,
            page.broken_requests, training.begins, page.secrets_not_served, training.picture_waits,
            training.goes_on, training.reloads, training.restarts, training.ends,
            training.drawn_without_it, training.published, pictures.kill_in_preview,
        ),
    ),
    (("--gradio-auth", "anna:secret"), (pictures.swept_after_kill, page.gradio_login)),
    (("--api-auth", "bot:key"), (page.api_login, page.packages_unchanged)),
)  # fmt: skip


def walk(installed: Installation, checkpoint: Path | None, only: str) -> int:
    with tempfile.TemporaryDirectory(prefix="train-tools-webui-", ignore_cleanup_errors=True) as folder:
        webui = _webui(installed, checkpoint, Path(folder))
        return go_through(Situation(webui, Path(folder)), only)


def _webui(installed: Installation, checkpoint: Path | None, folder: Path) -> RealWebui:
    if checkpoint is None:
        made = folder / "made"
        print("making a base model …", flush=True)
        checkpoint = (
            models.narrow(made)
            if installed.knows_narrow_models
            else models.random_sd15(made / "random-sd15.safetensors")
        )
    return RealWebui(installed, folder / "data", checkpoint.absolute())


def go_through(s: Situation, only: str) -> int:
    """1 where a check failed or the webui didn't start."""
    print(f"{s.webui.installed.folder} ({s.webui.installed.kind}), {s.webui.checkpoint.name}", flush=True)
    s.packages = s.webui.installed.packages()
    s.make_models()
    if trouble := s.webui.installed.install_extension(s.webui.extension):
        print(f"its install.py says: {trouble}")
    results = []
    try:
        for flags, phase in PHASES:
            if chosen := [check for check in phase if only.lower() in title(check).lower()]:
                results += _phase(s, flags, chosen)
    finally:
        s.end()
    failed = results.count(FAILED)
    print(f"{results.count(PASSED)} passed, {failed} failed, {results.count(LEFT)} left out")
    return 1 if failed else 0


def _phase(s: Situation, flags: Sequence[str], chosen: Sequence[Check]) -> list[str]:
    try:
        s.webui.start(*flags)
    except RuntimeError as error:
        return [_tell(FAILED, f"It starts {' '.join(flags)}", str(error), 0)]
    results = [_look(s, check) for check in chosen]
    s.webui.end()
    return results


def _look(s: Situation, check: Check) -> str:
    started = time.monotonic()
    try:
        result, detail = PASSED, check(s)
    except LeftOutError as why:
        result, detail = LEFT, str(why)
    except FailedError as failure:
        result, detail = FAILED, str(failure)
    except Exception as error:  # whatever a webui does, the list goes on
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        result, detail = FAILED, f"{type(error).__name__}: {error} ({place})"
    return _tell(result, title(check), detail, time.monotonic() - started)


def _tell(result: str, what: str, detail: str, seconds: float) -> str:
    words = " ".join(detail.split())
    print(f"{result:8} {seconds:4.0f} s  {what}" + (f"\n{'':17}{words[:400]}" if words else ""), flush=True)
    return result


def title(check: Check) -> str:
    return (check.__doc__ or "").splitlines()[0]
