"""What a Chinese or Japanese keyboard types: full-width commas, digits and signs stand for the half-width ones.

Where a number, a name of ours or a rule is asked for, all of them do (`half_width`); in lists of words that people
choose, only what divides them (`half_commas`); in prose, none. The page does the same (`static/kit/halfwidth.js`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

# All of Unicode's full-width ASCII, and what those keyboards have for the rest.
FULL = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
SIGNS = {
    "\u3000": " ", "\u3001": ",", "\uff64": ",", "\ufe50": ",", "\ufe51": ",", "\u3002": ".", "\uff61": ".",
    "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u301c": "-", "\uff5e": "-", "\u00d7": "x",
    "\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u3010": "[", "\u3011": "]", "\u2192": "->",
}  # fmt: skip
HALF = str.maketrans(FULL | SIGNS)
COMMAS = str.maketrans(
    {"\uff0c": ",", "\u3001": ",", "\uff64": ",", "\ufe50": ",", "\ufe51": ",", "\uff1b": ";"}
)
# A comma between files: behind an ending, as a file's name may hold one.
BETWEEN_FILES = re.compile(r"(?<=\w\.)([A-Za-z0-9]{2,12})\s*([\uff0c\u3001\uff1b])")


def half_width(text: str) -> str:
    return text.translate(HALF)


def half_commas(text: str) -> str:
    """Words may hold full-width letters and brackets; commas and semicolons divide."""
    return text.translate(COMMAS)


def commas_between_files(text: str) -> str:
    return BETWEEN_FILES.sub(lambda found: found[1] + found[2].translate(COMMAS), text)


READ_AS: Mapping[str, Callable[[str], str]] = {
    "all": half_width,
    "commas": half_commas,
    "files": commas_between_files,
    "": str,
}
