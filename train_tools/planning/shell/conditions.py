"""Whether the condition of a script's `if` holds, as far as the text itself says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from train_tools.planning.shell.words import Word


def _same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one.lower() == other.lower()


COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "==": lambda a, b: a == b, "=": lambda a, b: a == b, "-eq": _same,
    "-ceq": lambda a, b: a == b, "!=": lambda a, b: a != b, "-ne": lambda a, b: not _same(a, b),
    "-gt": lambda a, b: float(a) > float(b), "-lt": lambda a, b: float(a) < float(b),
    "-ge": lambda a, b: float(a) >= float(b), "-le": lambda a, b: float(a) <= float(b),
}  # fmt: skip
BRACKETS = ("[[", "[", "]]", "]", "test", "(", ")")


def holds(words: Sequence[Word], is_powershell: bool) -> bool | None:
    """None where the text doesn't say it: a file's being there, the outcome of a command."""
    inner = [word for word in words if word.text not in BRACKETS or word.is_quoted]
    if any(word.unknown for word in inner) or not inner:
        return None
    if inner[0].text in ("!", "-not"):
        rest = holds(inner[1:], is_powershell)
        return None if rest is None else not rest
    texts = [word.text for word in inner]
    if len(texts) == 1:
        return _is_true(inner[0], is_powershell)
    if len(texts) == 2 and texts[0] in ("-n", "-z"):
        return bool(texts[1]) == (texts[0] == "-n")
    if len(texts) == 3 and texts[1].lower() in COMPARED:
        try:
            return COMPARED[texts[1].lower()](texts[0], texts[2])
        except ValueError:
            return None
    return None


def _is_true(word: Word, is_powershell: bool) -> bool:
    """To bash every text is true that isn't empty; to PowerShell the number 0 and $false aren't."""
    return bool(word.text) and not (is_powershell and word.text.lower() in ("0", "0.0", "false"))
