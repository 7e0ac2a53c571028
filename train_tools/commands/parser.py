"""A command line's parser whose errors read as the program's own: one sentence that says what to do, exit code 2."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable
from typing import NoReturn

ACTION = "action"  # what sub-commands are called by
KINDS = {"int": "a whole number", "float": "a number", "Path": "a path"}
Say = Callable[[re.Match[str]], str]
# argparse's message -> ours; the first that fits is taken.
SENTENCES: tuple[tuple[str, Say], ...] = (
    (r"the following arguments are required: (.+)", lambda found: _missing(found[1].split(", "))),
    (r"unrecognized arguments: (.+)", lambda found: f"{found[1]} isn't known here"),
    (
        r"argument (\S+): invalid choice: ('.*?'|\S+) \(choose from (.+)\)",
        lambda found: _choice(found[1], found[2].strip("'"), re.findall(r"[^\s,']+", found[3])),
    ),
    (
        r"argument (.+?): invalid (\w+) value: ('.*')",
        lambda found: f"{_name(found[1])} must be {KINDS.get(found[2], found[2])}, not {found[3]}",
    ),
    (r"argument (.+?): expected one argument", lambda found: f"{_name(found[1])} needs a value"),
    (r"argument (.+?): expected at least one argument", lambda found: f"{_name(found[1])} needs a value"),
    (r"argument (.+?): expected (\d+) arguments", lambda found: f"{_name(found[1])} needs {found[2]} values"),
    (
        r"argument (.+?): not allowed with argument (.+)",
        lambda found: f"{_name(found[1])} can't go with {_name(found[2])}",
    ),
    (r"argument (.+?): ignored explicit argument (.+)", lambda found: f"{_name(found[1])} takes no value"),
    (r"one of the arguments (.+) is required", lambda found: f"give one of {', '.join(found[1].split())}"),
    (
        r"ambiguous option: (\S+) could match (.+)",
        lambda found: f"{found[1]} may mean {found[2].replace(', ', ' or ')}; write it out",
    ),
)


class Parser(argparse.ArgumentParser):
    """Those of its sub-commands are of this kind, too."""

    def error(self, message: str) -> NoReturn:
        said = sentence_of(message)
        if message.endswith(f": {ACTION}"):
            said = f"say what to do: {', '.join(self._actions_known())}"
        between = " " if said.endswith("?") else "; "
        print(f"train_tools: {said}{between}`{self.prog} --help` tells more", file=sys.stderr)
        sys.exit(2)

    def _actions_known(self) -> list[str]:
        return [
            str(name) for action in self._actions if action.dest == ACTION for name in action.choices or ()
        ]


def sentence_of(message: str) -> str:
    for pattern, say in SENTENCES:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return str(say(found))
    return message


def did_you_mean(given: str, known: list[str]) -> str:
    """What was probably meant, or what there is."""
    close = difflib.get_close_matches(given, known, n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"


def _choice(name: str, given: str, known: list[str]) -> str:
    if name == ACTION:
        return f"there is no {given!r} here; {did_you_mean(given, known)}"
    return f"{_name(name)} can't be {given!r}; {did_you_mean(given, known)}"


def _name(argument: str) -> str:
    """The long one of `-q/--quiet`."""
    return argument.rpartition("/")[2]


def _missing(names: list[str]) -> str:
    """`PROJECT and VERSION are missing`"""
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} missing"
