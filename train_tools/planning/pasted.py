"""Arguments from text as people paste it from guides, to be set over what is set already.

    --learning_rate=1e-4 --text_encoder_lr 5e-5 1e-5 --flip_aug
    --optimizer_args "decouple=True" "weight_decay=0.01"

A whole script may stand around it (see `command_line`). Zero and false are values like others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.current import current, did_you_mean
from train_tools.arguments.text import split
from train_tools.arguments.values import parse_one, parse_values
from train_tools.errors import UsageError
from train_tools.planning.command_line import CommandLine, Word, read_command_line
from train_tools.planning.shell.trainers import LORA_SCRIPTS, file_trainer, why_not
from train_tools.workspace.settings import WORDS

# Word processors and web pages turn two hyphens into a dash.
NAME = re.compile(r"(?:--|[—–‒―−－]{1,2})([A-Za-z][\w-]*)(?:=(.*))?", re.DOTALL)
LOOKED_FOR = (
    "no argument of sd-scripts was found: neither a call of a LoRA trainer, as in accelerate launch "
    "sdxl_train_network.py …, nor words as in --learning_rate=1e-4"
)


@dataclass(frozen=True)
class Pasted:
    """`values` are typed; a list where the argument is one, or where several values were given for one that isn't.

    `left_out` says why an argument that was given isn't taken over. `script` is sd-scripts' file that the
    text calls, empty where it calls none.
    """

    values: Mapping[str, Any]
    left_out: Mapping[str, str]
    script: str

    @property
    def settings(self) -> dict[str, Any]:
        """As they are kept in version.toml, where none is a word and a text may need quotes."""
        rows = current().arguments
        return {name: as_setting(rows[name], value) for name, value in self.values.items()}

    def overridden(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Those of `given` that it changes: name -> (old, new); notations of one value are equal."""
        rows, settings = current().arguments, self.settings
        return {
            name: (given[name], settings[name])
            for name, new in self.values.items()
            if given.get(name) not in (None, "") and not _is_same(rows[name], given[name], new)
        }


def parse_pasted(text: str) -> Pasted:
    """Raises UsageError for an unknown argument, with the nearest names, for a value that isn't allowed, and for a text
    with words in which there is none.
    """
    line = _checked_line(text)
    values, left_out, wrong = _read(line)
    if wrong:
        unknown = [said for name, said in wrong.items() if name not in current().arguments]
        raise UsageError(f"unknown: {', '.join(unknown)}" if unknown else next(iter(wrong.values())))
    if text.strip() and not values and not left_out:
        raise UsageError(LOOKED_FOR)
    return Pasted(values, left_out, line.script)


def parse_what_is_right(text: str) -> Pasted:
    """As `parse_pasted`, but what is unknown or not allowed is left out, with the reason, where something is left.

    The launcher's --mixed_precision counts where the trainer is given none: who wrote the text meant it.
    """
    line = _checked_line(text)
    values, left_out, wrong = _read(line)
    if not values:
        return parse_pasted(text)
    for name, said in wrong.items():
        left_out[f"--{name}"] = f"unknown: {said}" if name not in current().arguments else said
    if "mixed_precision" not in {*values, *wrong}:
        values |= _launched(line.before)
    if line.others:
        left_out[line.others[0]] = f"the text starts {len(line.others) + 1} trainings; the first is read"
    return Pasted(values, left_out, line.script)


def _launched(words: Sequence[Word]) -> dict[str, Any]:
    """`accelerate launch --mixed_precision fp16`."""
    start = next((at for at, word in enumerate(words) if word.text.startswith("--mixed_precision")), None)
    if start is None:
        return {}
    try:
        name, given = next(_groups(words[start : start + 2], {}))
        return {name: typed_value(current().arguments[name], [word.text for word in given])}
    except (UsageError, KeyError, StopIteration):
        return {}


def _checked_line(text: str) -> CommandLine:
    line = read_command_line(text)
    if line.script and line.script not in LORA_SCRIPTS:
        raise UsageError(why_not(line.script))
    if not line.script:
        if sentence := file_trainer(text):
            raise UsageError(sentence)
        _refuse_bare_names(line.variables)
        if line.words and not any(NAME.match(word.text) or word.unknown for word in line.words):
            raise UsageError(LOOKED_FOR)
    return line


def _read(line: CommandLine) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """(the values, what is left out and why, what is wrong)."""
    values: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, words in _groups(line.words, left_out):
        row = current().arguments.get(name)
        if row is None:
            wrong[name] = f"--{name} (did you mean --{did_you_mean(name)}?)"
        elif name == "config_file" and words:
            left_out[name] = f"the other settings stand in {words[0].text}; import that file"
        elif row.chosen_by_us:
            left_out[name] = row.chosen_by_us
        else:
            try:
                _refuse_unknown_variable(name, words)
                target, value = modern(row, typed_value(row, [word.text for word in words]))
                values[target] = value
            except UsageError as error:
                wrong[name] = str(error)
    return values, left_out, wrong


def as_setting(argument: Argument, value: Any) -> Any:
    """A typed value as version.toml and `--set` take it."""
    if value is None:
        return "none"
    if argument.is_several and isinstance(value, list):
        return " ".join(map(str, value))
    if argument.are_numbers and isinstance(value, list):
        return [str(number) for number in value]
    is_text = isinstance(value, str) and argument.kind == "str" and not argument.choices
    if is_text and value and not _is_same(argument, value, value):
        return '"' + value.replace('"', '""') + '"'
    return value


def _is_same(row: Argument, given: Any, new: Any) -> bool:
    several = isinstance(new, list) and row.kind != "list" and not row.is_several
    try:
        return parse_values(row, given) == (new if several else [new])
    except UsageError:
        return False


def _groups(words: Sequence[Word], left_out: dict[str, str]) -> Iterator[tuple[str, list[Word]]]:
    """Each argument's name with the words that follow it; lists that a script fills as it runs are left out."""
    name, values = "", list[Word]()
    for word in words:
        found = NAME.fullmatch(word.text)
        if found:
            if name:
                yield name, values
            name = _spelled(found[1])
            values = [] if found[2] is None else [Word(found[2], word.unknown)]
        elif word.text == word.unknown and (not name or _is_full(name, values)):
            left_out[word.unknown] = "the script fills it as it runs; add what it holds"
        elif name and word.text == "=" and not values:
            continue  # `--seed = 1`
        elif name:
            values = [word] if values == [Word("")] else [*values, word]  # `--seed= 1`
        else:
            raise UsageError(f"arguments begin with --, as in --learning_rate=1e-4; what is {word.text!r}?")
    if name:
        yield name, values


def _is_full(name: str, values: Sequence[Word]) -> bool:
    """Whether the argument takes no further word."""
    row = current().arguments.get(name)
    return row is not None and row.kind != "list" and (row.kind == "bool" or bool(values))


def _spelled(name: str) -> str:
    """`--network-dim` is sd-scripts' `--network_dim`."""
    return name.replace("-", "_") if name.replace("-", "_") in current().arguments else name


def _refuse_bare_names(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if name in current().known:
            raise UsageError(f"arguments begin with --; write --{name}={value or '…'}")


def _refuse_unknown_variable(name: str, words: Sequence[Word]) -> None:
    for word in words:
        if word.unknown:
            raise UsageError(f"--{name} takes {word.unknown}, whose value the text doesn't say; write it in")


def modern(row: Argument, value: Any) -> tuple[str, Any]:
    """The argument that an old name stands for, with its value."""
    if row.instead is None:
        return row.name, value
    other, fixed = row.instead
    return other, value if fixed is None else fixed


def typed_value(row: Argument, words: list[str]) -> Any:
    """What an argument followed by `words` is given; a list where it is one, or where a word says several values.

    Raises UsageError for a value that isn't allowed.
    """
    if row.kind == "bool":
        return _flag(row, words)
    if not words and (row.kind == "list" or row.is_several):
        return None  # sd-scripts takes such an argument without any
    if not words:
        raise UsageError(f"--{row.name} has no value; allowed: {row.allowed}")
    if row.kind == "list":
        return _list(row, words)
    if row.is_several and len(words) > 1:
        return [_number(row, parse_one(row, word)) for word in words]
    if len(words) > 1:
        raise UsageError(
            f'--{row.name} takes one value; put quotes around one with blanks: --{row.name} "{" ".join(words)}"'
        )
    return _single(row, words[0])


def _flag(row: Argument, words: list[str]) -> bool:
    if not words:
        return True
    if len(words) > 1 or words[0].lower() not in WORDS:
        raise UsageError(f"--{row.name} is a switch and takes no value, but {' '.join(words)!r} follows it")
    return WORDS[words[0].lower()]


def _list(row: Argument, words: list[str]) -> list[Any]:
    if row.are_numbers:
        return [_number(row, word) for word in words]
    if len(words) == 1:
        # One pair of quotes around all: "conv_dim=4 conv_alpha=1".
        try:
            pieces = [piece for piece in split(words[0], " ") if piece]
        except ValueError:  # a quote of its own, as in it's
            return words
        if len(pieces) > 1 and all("=" in piece for piece in pieces):
            return pieces
    return words


def _number(row: Argument, value: str | float | None) -> float:
    """Of a list of numbers."""
    try:
        return float("none" if value is None else value)
    except ValueError as error:
        raise UsageError(f"{row.name} can't be {value}; allowed: numbers separated by blanks") from error


def _single(row: Argument, word: str) -> Any:
    is_free = row.kind == "str" and (not row.choices or row.takes_class(word))
    if not is_free:
        values = parse_values(row, word)
        return values[0] if len(values) == 1 else values
    # Sample scripts leave files that aren't used empty.
    is_none = row.allows_none and word.strip().lower() in ("", "none")
    return None if is_none else word
