"""Follows a script as far as its text goes: variables, lists, branches; finds what starts a training."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from train_tools.errors import UsageError
from train_tools.planning.shell.conditions import holds
from train_tools.planning.shell.trainers import is_trainer
from train_tools.planning.shell.words import Splitter, Value, Word, commands

# `export`, `set`, PowerShell's types: what may stand before an assignment.
BEFORE = re.compile(
    r"(?:\[void\]|\[[\w.]+(?:\[\])?\])\s*(?=\$)|(?:export|declare|local|readonly|typeset|set|setx|env|var)\s+"
    r"(?:-\w+\s+)*(?=[\"$\w])",
    re.IGNORECASE,
)
ASSIGNED = re.compile(
    r"\"?\$?(?:Env:)?(?:script:|global:)?([A-Za-z_]\w*)(\s*)(\+?=)(\s*)(?!=)", re.IGNORECASE
)
ADDED = re.compile(r"\$([A-Za-z_]\w*)\.Add(?:Range)?\((.*)\)\s*$", re.DOTALL)
LIST = re.compile(r"@?\((?P<inner>.*)\)\s*$", re.DOTALL)
EMPTY_LIST = re.compile(
    r"(?:\[[\w.<>\[\]]+\]::new\(\)|New-Object\s+\S+(?:\s.*)?|@?\(\s*\))\s*$", re.IGNORECASE
)
COMPUTED = re.compile(r"^[(\[@`]|::|\(\)$|\$\(")  # calls
BASH_IF = re.compile(r"(if|elif)\s+(.*?)\s*(?:;\s*then\b|$)(.*)$", re.DOTALL)
POWERSHELL_IF = re.compile(r"(\}?\s*else\s*if|if)\s*(?=\()", re.IGNORECASE)
ELSE = re.compile(r"(?:\}?\s*else\s*\{|else\b)(.*)$", re.DOTALL | re.IGNORECASE)
# $script = if ($sdxl) { "a" } else { "b" }
CHOSEN = re.compile(
    r"if\s*\((?P<condition>.*?)\)\s*\{(?P<yes>[^{}]*)\}\s*else\s*\{(?P<no>[^{}]*)\}\s*$", re.DOTALL
)
FOR = re.compile(r"(?:for\s+(\w+)\s+in\s+(.*?)\s*;?\s*(?:do\b|$)|foreach\s*\(\s*\$(\w+)\s+in\s+(.*?)\)\s*\{)(.*)$",
                 re.DOTALL | re.IGNORECASE)  # fmt: skip
END = re.compile(r"(?:fi|done|esac|\})\s*(?:;+|$)|\}\s*$")


@dataclass
class Block:
    """`holds`: whether its lines are run, None where the text doesn't say; `was_true`: a branch of it was."""

    holds: bool | None
    was_true: bool | None
    is_loop: bool = False


@dataclass(frozen=True)
class Call:
    """`before` are the words that stand before the trainer: accelerate launch --mixed_precision bf16."""

    script: str
    before: tuple[Word, ...]
    words: tuple[Word, ...]
    is_run: bool


class Script:
    """Reads line by line; `words` are those outside any call of a trainer."""

    def __init__(self, escapes: bool) -> None:
        self.variables: dict[str, Value] = {}
        self.calls: list[Call] = []
        self.words: list[Word] = []
        self._splitter = Splitter(self.variables, escapes)
        self._blocks: list[Block] = []
        self._faults: list[UsageError] = []
        self._guessed: set[str] = set()

    def read(self, line: str) -> None:
        line = line.strip()
        while line:
            line = self._control(line) if self._is_control(line) else self._run(line)

    def finish(self) -> None:
        """Raises UsageError for a quote that is never closed where nothing else was found in the text."""
        if self._faults and not self.calls:
            raise self._faults[0]

    # Branches

    def _is_control(self, line: str) -> bool:
        first = re.match(r"\}?\s*(\w*)", line)
        word = first[1].lower() if first else ""
        return line.startswith("}") or word in {
            "if", "elif", "else", "elseif", "then", "fi", "do", "done", "esac", "for", "foreach", "while", "function",
        }  # fmt: skip

    def _control(self, line: str) -> str:
        """What is left of the line behind the word that branches."""
        if (found := POWERSHELL_IF.match(line)) and (parts := _condition(line, found.end())):
            self._branch(found[1].strip("} ").lower() == "if", parts[0], is_powershell=True)
            return parts[1]
        if found := BASH_IF.match(line):
            self._branch(found[1] == "if", found[2], is_powershell=False)
            return found[3].strip()
        if found := FOR.match(line):
            self._loop(found[1] or found[3], found[2] or found[4] or "")
            return found[5].strip()
        if (found := ELSE.match(line)) and self._blocks:
            block = self._blocks[-1]
            block.holds = None if block.was_true is None else not block.was_true
            return found[1].strip()
        if found := END.match(line):
            if self._blocks:
                self._blocks.pop()
            return line[found.end() :].strip()
        if found := re.match(r"(?:then|do)\b\s*;?", line):
            return line[found.end() :].strip()
        if re.match(r"(?:while|function|for|foreach)\b", line):
            if line.rstrip().endswith(("{", "do")):
                self._blocks.append(Block(True, True, is_loop=True))
            return ""
        return self._run(line, is_forced=True)

    def _branch(self, is_first: bool, condition: str, is_powershell: bool) -> None:
        try:
            found = holds(list(self._splitter.words(condition)), is_powershell)
        except UsageError:
            found = None
        if is_first or not self._blocks:
            self._blocks.append(Block(found, found))
            return
        block = self._blocks[-1]
        if block.was_true:
            block.holds = False
        elif block.was_true is None:
            block.holds = None
        else:
            block.holds = block.was_true = found

    def _loop(self, name: str, items: str) -> None:
        """A loop's values are values of a grid."""
        self._blocks.append(Block(True, True, is_loop=True))
        try:
            values = list(self._splitter.words(items.strip("@() ")))
        except UsageError:
            values = []
        texts = [text for word in values for text in word.text.split(",") if text]
        is_known = bool(texts) and not any(word.unknown or COMPUTED.search(word.text) for word in values)
        self.variables[name] = Word(",".join(texts)) if is_known else None

    @property
    def _state(self) -> bool | None:
        """Whether the line is run: False wins over unknown."""
        states = [block.holds for block in self._blocks]
        return False if False in states else None if None in states else True

    # Commands

    def _run(self, line: str, is_forced: bool = False) -> str:
        """One statement; gives what follows it in the line where that is a branch again."""
        statement, rest = self._statement(line, is_forced)
        if self._assign(statement):
            return rest
        try:
            words = list(self._splitter.words(statement))
        except UsageError as error:
            if self._state is not False:
                self._faults.append(error)
            return rest
        for command in commands(words):
            self._command(command)
        return rest

    def _statement(self, line: str, is_forced: bool) -> tuple[str, str]:
        """(up to the next `;` or `&&` outside quotes and brackets, what follows)."""
        depth, quote = 0, ""
        for at, character in enumerate(line):
            if quote:
                quote = "" if character == quote else quote
            elif character in "\"'" and not (character == "'" and line[at - 1 : at].isalnum()):
                quote = character
            elif character in "([":
                depth += 1
            elif character in ")]":
                depth -= 1
            elif character == "}" and depth <= 0 and self._blocks and not _in_variable(line, at):
                return (line[:at].strip(), line[at:]) if at or not is_forced else ("", line[1:].strip())
            elif depth <= 0 and (
                line.startswith(("&&", "||"), at)
                or (character == ";" and line[at + 1 : at + 2] in ("", " ", "\t"))
            ):
                return line[:at].strip(), line[at + (1 if character == ";" else 2) :].strip()
        return line, ""

    def _assign(self, statement: str) -> bool:
        """Whether all of it is an assignment, which is then kept."""
        if self._state is False and ASSIGNED.match(BEFORE.sub("", statement, count=1)):
            return True
        bare = BEFORE.sub("", statement, count=1) if BEFORE.match(statement) else statement
        if found := ADDED.match(bare):
            self._add(found[1], self._items(found[2]))
            return True
        found = ASSIGNED.match(bare)
        if not found or (found[2] and bare[0] not in "$" and not found[4]):
            return False
        is_cmd = statement[:4].lower() == "set "
        value = bare[found.end() :]
        if bare.startswith('"'):
            value = value.removesuffix('"')  # cmd: set "name=value"
        if is_cmd and not value.startswith(('"', "'")):
            self._set(found[1], Word(value.strip(), source=f'"{value}"'))
            return True
        return self._take(found[1], found[3] == "+=", value, is_spaced=bool(found[2] or found[4]))

    def _take(self, name: str, is_added: bool, value: str, is_spaced: bool) -> bool:
        """False where a command follows: `A=1 B=2 accelerate launch …`."""
        if chosen := CHOSEN.match(value):
            value = self._chosen(chosen)
        if EMPTY_LIST.fullmatch(value):
            self._set(name, [])
            return True
        if (found := LIST.fullmatch(value)) and not value.startswith("$("):
            self._put(name, self._items(found["inner"]), is_added)
            return True
        try:
            words = list(self._splitter.words(value))
        except UsageError:
            words = [Word("", value)]
        if len(words) > 1 and not is_spaced:
            first = words[0]
            if not self._is_line_of_assignments(words):
                self._set(name, first)
                self._command(words[1:])
                return True
            words = words[:1]
        self._put(name, [self._joined(words)], is_added, is_scalar=True)
        return True

    def _chosen(self, found: re.Match[str]) -> str:
        """The value of a branch; unknown where the text doesn't say which is taken."""
        try:
            is_yes = holds(list(self._splitter.words(found["condition"])), is_powershell=True)
        except UsageError:
            is_yes = None
        return "$(…)" if is_yes is None else found["yes" if is_yes else "no"].strip()

    def _is_line_of_assignments(self, words: Sequence[Word]) -> bool:
        """`A=1 B=2`."""
        for word in words[1:]:
            name, equals, value = word.text.partition("=")
            if not equals or not name.isidentifier():
                return False
            self._set(name, Word(value, word.unknown))
        return True

    def _joined(self, words: Sequence[Word]) -> Word:
        """One value; PowerShell joins texts by `+`."""
        parts = words[::2] if len(words) > 2 and all(w.text == "+" for w in words[1::2]) else words
        is_plain = len(parts) <= 1 or len(parts) < len(words)
        text = "".join(part.text for part in parts)
        unknown = next((part.unknown for part in parts if part.unknown), "")
        if not is_plain or any(COMPUTED.search(part.text) and not part.is_quoted for part in parts):
            return Word(text, unknown or "…")
        return Word(text, unknown, parts[0].source if len(parts) == 1 else "")

    def _put(self, name: str, items: Sequence[Word], is_added: bool, is_scalar: bool = False) -> None:
        old = self.variables.get(name)
        if is_added and (isinstance(old, list) or old is None):
            self._add(name, items)
        elif is_added and isinstance(old, Word):
            # A text that grows: args+=" --flip_aug".
            word = items[0] if items else Word("")
            self._set(name, Word(old.text + word.text, old.unknown or word.unknown))
        elif is_scalar:
            self._set(name, items[0])
        else:
            self._set(name, list(items))

    def _items(self, text: str) -> list[Word]:
        """Of a list: its elements, or one that is put together by `+`."""
        inner = text.strip()
        if found := LIST.fullmatch(inner):
            inner = found["inner"]
        try:
            words = list(self._splitter.words(inner.replace("\n", " ")))
        except UsageError:
            return [Word(text, "…")]
        if len(words) > 2 and all(word.text == "+" for word in words[1::2]):
            return [self._joined(words)]
        return [_without_comma(word) for word in words if word.text != ","]

    def _add(self, name: str, items: Sequence[Word]) -> None:
        if self._state is False:
            return
        old = self.variables.get(name)
        known = list(old) if isinstance(old, (list, tuple)) else []
        if self._state is None:
            items = [Word(f"${name}", f"${name}")]
            if known and known[-1] == items[0]:
                return
        self.variables[name] = [*known, *items]

    def _set(self, name: str, value: Value) -> None:
        """In a branch of which the text doesn't say whether it is run, what stands before it counts; two such branches
        that set it differently leave it unknown.
        """
        if isinstance(value, Word) and value.unknown:
            value = None
        if self._state is False:
            return
        if self._state is None and name in self.variables:
            if name in self._guessed and self.variables[name] != value:
                self.variables[name] = None
            return
        if self._state is None:
            self._guessed.add(name)
        self.variables[name] = value

    def _command(self, words: Sequence[Word]) -> None:
        for place, word in enumerate(words):
            if is_trainer(name := script_name(word.text)):
                after = tuple(_spread(words[place + 1 :]))
                self.calls.append(Call(name, tuple(words[:place]), after, self._state is not False))
                return
            if " " in word.text and word.is_quoted and re.search(r"\.py[\"'\s]", word.text):
                # bash -c "accelerate launch …"
                self.read(word.text)
                return
        if self._state is not False:
            self.words += _spread(words)


def _condition(line: str, at: int) -> tuple[str, str] | None:
    """(what stands between the bracket at `at` and its end, what follows the brace behind it)."""
    depth = 0
    for end in range(at, len(line)):
        depth += {"(": 1, ")": -1}.get(line[end], 0)
        if depth == 0:
            rest = line[end + 1 :].lstrip()
            return (line[at + 1 : end], rest[1:].strip()) if rest.startswith("{") else None
    return None


def script_name(text: str) -> str:
    return re.split(r"[/\\]", text.strip("\"'"))[-1]


def _in_variable(line: str, at: int) -> bool:
    return line.rfind("{", 0, at) > line.rfind("}", 0, at)


def _without_comma(word: Word) -> Word:
    if word.source.endswith(","):
        return Word(word.text.removesuffix(","), word.unknown, word.source[:-1])
    return word


def _spread(words: Sequence[Word]) -> Iterator[Word]:
    """An element `--resume a/b` of a list is two words to the trainer, as the list isn't quoted; so is a variable
    that holds several arguments.
    """
    for word in words:
        is_several = re.match(r"--[A-Za-z][\w-]*\s", word.text) and not (
            word.source[:1] in ('"', "'") and word.source[1:2] == "-" and word.source.count('"') > 2
        )
        if is_several and not word.unknown:
            yield from (Word(text, source=text) for text in _split_again(word.text))
        else:
            yield word


def _split_again(text: str) -> list[str]:
    try:
        return [word.text for word in Splitter({}, escapes=False).words(text)]
    except UsageError:
        return text.split()
