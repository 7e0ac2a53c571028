"""The installed sd-scripts is asked what it knows, by the first command that needs to know it."""

from __future__ import annotations

from train_tools.commands.output import Output
from train_tools.engines.sd_scripts.installed import ask_now, due
from train_tools.environment.sd_scripts_asked import title_of


def ask_where_due(out: Output) -> None:
    """Where it is new, or its files have changed since; else this takes milliseconds."""
    checkout = due()
    if checkout is None:
        return
    out.say(f"asking {title_of(checkout)} which arguments it knows; this is done once")
    if problem := ask_now(checkout).problem:
        out.say(f"warning: not all of {title_of(checkout)} gave an answer: {problem}")
