"""What the actions of `captions` take: options of their own, and the filter that all share."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path

from train_tools.tags.filters import Filter

POSITIONAL = ("tags", "old", "new", "pattern", "replacement", "pairs", "tag_first", "new_text")
UNSAID = ("project", "version", "root", "json", "action", "dry_run")
FLAGS = {"each_tag": "tags"}  # where the option is called otherwise than its value


def add_own(leaf: argparse.ArgumentParser, action: str) -> None:
    """What only this action takes."""
    if action in ("add", "remove"):
        leaf.add_argument("tags", metavar="TAGS", help="as a,b")
    if action == "add":
        leaf.add_argument("--back", action="store_true", help="last instead of first")
    elif action == "replace":
        leaf.add_argument("old", metavar="OLD", help="tags, as a,b; each becomes NEW")
        leaf.add_argument("new", metavar="NEW", help="one tag or several")
    elif action == "regex":
        leaf.add_argument("pattern", metavar="PATTERN")
        leaf.add_argument("replacement", metavar="REPLACEMENT", help=r"\1 is the first group")
        leaf.add_argument("--tags", dest="each_tag", action="store_true", help="in each tag alone")
    elif action == "sort":
        leaf.add_argument("--by", choices=("alphabet", "frequency"), default="alphabet")
        leaf.add_argument(
            "--keep", type=int, default=1, metavar="N", help="first tags that stay (default: 1)"
        )
    elif action == "merge":
        leaf.add_argument("pairs", metavar="OLD=NEW", nargs="*", help="OLD may be several tags, as a,b")
        leaf.add_argument("--file", type=Path, default=None, help="a file of such pairs, one a line")
    elif action == "first":
        leaf.add_argument(
            "tag_first", metavar="TAG", nargs="?", default="", help="default: captioning's prefix"
        )
        leaf.add_argument("--add", action="store_true", help="put it there where it is missing, too")
    elif action == "set":
        leaf.add_argument("new_text", metavar="TEXT")
    elif action == "fix":
        leaf.add_argument(
            "--only", choices=("lines", "separators"), default="", help="leave lines or separators alone"
        )
    elif action == "count":
        leaf.add_argument("--top", type=int, default=None, metavar="N", help="only the N most frequent")


def add_filter(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "which captions", "all conditions must hold; without any: every caption"
    )
    for flag, metavar, words in (
        ("--tag", "TAG", "has this tag; several times: has all of them"),
        ("--any", "TAG", "has this tag or one of the others given so"),
        ("--without", "TAG", "doesn't have this tag"),
        ("--concept", "NAME", "is of this concept"),
        ("--image", "NAME", "of this image; * stands for anything"),
    ):
        group.add_argument(flag, action="append", default=[], metavar=metavar, help=words)
    group.add_argument("--missing", action="store_true", help="has no caption file")
    group.add_argument("--empty", action="store_true", help="has a caption file with nothing in it")
    group.add_argument("--text", default="", metavar="TEXT", help="holds this text, in any letter case")
    group.add_argument("--match", default="", metavar="REGEX", help="matches this regular expression")
    group.add_argument("--longer", type=int, default=None, metavar="N", help="has more than N CLIP tokens")
    group.add_argument("--shorter", type=int, default=None, metavar="N", help="has fewer than N CLIP tokens")


def filter_of(arguments: argparse.Namespace) -> Filter:
    return Filter(
        all_of=tuple(arguments.tag),
        any_of=tuple(arguments.any),
        none_of=tuple(arguments.without),
        is_missing=arguments.missing,
        is_empty=arguments.empty,
        text=arguments.text,
        pattern=arguments.match,
        longer=arguments.longer,
        shorter=arguments.shorter,
        images=tuple(arguments.image),
        concepts=tuple(arguments.concept),
    )


def described(arguments: argparse.Namespace) -> str:
    """An edit in the words of the command line, for the history."""
    return " ".join([arguments.action, *words_of(arguments)])


def words_of(arguments: argparse.Namespace) -> Iterator[str]:
    for name, given in vars(arguments).items():
        for value in given if isinstance(given, list) else [given]:
            if name in UNSAID or value in (None, False, ""):
                continue
            flag = "" if name in POSITIONAL else f"--{FLAGS.get(name, name)}"
            yield " ".join(filter(None, [flag, "" if value is True else shlex.quote(str(value))]))
