"""A caption out of what a chat model says, which likes to introduce, to decorate and to comment."""

from __future__ import annotations

import re

from train_tools.tags.caption import ANY_COMMA
from train_tools.tags.lists import is_kaomoji

THOUGHTS = re.compile(r"<(think|thinking|thought|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
ONLY_END_OF_THOUGHTS = re.compile(r"\A.*?</(?:think|thinking|thought|reasoning)>", re.DOTALL | re.IGNORECASE)
SPECIAL = re.compile(r"<\|[^|>]{1,40}\|>|</?s>")  # a template's own tokens
FENCE = re.compile(r"^\s*(```|~~~)[\w-]*\s*$", re.MULTILINE)
BULLET = re.compile(r"^\s*(?:[-*+\u2022\u00b7]|\d{1,3}[.)\u3001])\s+")
HEADING = re.compile(r"^\s*#{1,6}\s+")
EMPHASIS = re.compile(r"(\*\*\*|\*\*|__|`)(?=\S)(.+?)(?<=\S)\1")
STAR = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])")
QUOTES = {
    '"': '"',
    "'": "'",
    "\u201c": "\u201d",
    "\u2018": "\u2019",
    "\u300c": "\u300d",
    "\u300e": "\u300f",
    "\u00ab": "\u00bb",
}
# "Sure! Here is a caption for the picture:", "Tags:", "好的，以下是标签："
INTRODUCTION = re.compile(
    r"\A\s*(?:(?:sure|certainly|of course|absolutely|okay|ok|great|no problem)\b[^\n:.!]{0,40}[!.,:]\s*)?"
    r"(?:(?:here(?:'s|\u2019s| is| are)|this is|below (?:is|are)|the following (?:is|are))\b[^\n:]{0,120}:\s*"
    r"|(?:(?:image |the |a )?(?:caption|tags?|description|prompt|answer|output|response|keywords?))(?: \w+){0,6}\s*:\s*"
    r"|(?:\u597d\u7684|\u5f53\u7136)?[\uff0c,\u3002!\uff01\s]*(?:\u4ee5\u4e0b\u662f|\u8fd9\u662f|\u4e0b\u9762\u662f)[^\n\uff1a:]{0,60}[\uff1a:]\s*"
    r"|(?:\u6807\u7b7e|\u63cf\u8ff0|\u6807\u6ce8|\u63d0\u793a\u8bcd)\s*[\uff1a:]\s*)",
    re.IGNORECASE,
)
POLITE = re.compile(r"\A\s*(?:sure|certainly|of course|absolutely|okay)\s*[!.]\s+", re.IGNORECASE)
COMMENT = re.compile(
    r"^\s*(?:(?:please )?let me know\b|i hope (?:this|that)\b|feel free\b|would you like\b|do you want\b|note:"
    r"|if you(?:'d| would| want| need)\b|\u5e0c\u671b|\u5982\u679c\u4f60|\u5982\u9700)",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    r"\A\W*(?:i(?:'m| am)? (?:sorry|unable|not able)|i can(?:'t|not) |i won't |sorry[,.! ]|unfortunately,? i|as an ai"
    r"|\u62b1\u6b49|\u5bf9\u4e0d\u8d77|\u5f88\u62b1\u6b49)",
    re.IGNORECASE,
)
LONGEST_REFUSAL = 400  # characters; a caption may speak of somebody who is sorry, but not at its start
LONGEST_TAG = 80  # characters; a tag of more is a sentence that was put between
END = ".\u3002;\uff1b"


def is_refusal(text: str) -> bool:
    return len(text) <= LONGEST_REFUSAL and REFUSAL.match(text.replace("\u2019", "'")) is not None


def plain(text: str) -> str:
    """Without thoughts, markup, introduction and comments; lines stay."""
    text = ONLY_END_OF_THOUGHTS.sub("", THOUGHTS.sub("", text)) if "<" in text else text
    text = FENCE.sub("", SPECIAL.sub("", text)).strip()
    text = STAR.sub(r"\1", EMPHASIS.sub(r"\2", text))
    lines = [HEADING.sub("", line).rstrip() for line in text.splitlines()]
    while lines and (not lines[-1].strip() or COMMENT.match(lines[-1])):
        lines.pop()
    text = "\n".join(lines)
    for _ in range(2):  # "Sure! Here are the tags:" and then "Tags:"
        text = INTRODUCTION.sub("", text, count=1)
    return unquoted(POLITE.sub("", text).strip())


def unquoted(text: str) -> str:
    while len(text) > 1 and QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def as_sentence(text: str) -> str:
    """One line."""
    lines = [BULLET.sub("", line).strip() for line in plain(text).splitlines()]
    return unquoted(" ".join(" ".join(lines).split()))


def as_tags(text: str, *, remove_underscore: bool) -> str:
    """`a, b`: each once, without numbers, quotes and full stops."""
    found: dict[str, str] = {}
    for bulleted in plain(text).splitlines():
        line = BULLET.sub("", bulleted)
        label, colon, rest = line.partition(": ")  # "Clothes: red dress, hat"
        for piece in ANY_COMMA.sub(",", rest if colon and len(label.split()) <= 3 else line).split(","):
            tag = unquoted(" ".join(piece.split()).strip(END).strip())
            if remove_underscore and not is_kaomoji(tag):
                tag = tag.replace("_", " ")
            if 0 < len(tag) <= LONGEST_TAG:
                found.setdefault(tag.casefold(), tag.lstrip("#"))
    return ", ".join(found.values())
