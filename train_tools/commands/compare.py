"""`compare board|marks|mark|pair|vote|ranking|scores|score|curves|advice|tensorboard PROJECT VERSION …`."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from train_tools.commands import compare_words as words
from train_tools.commands.options import add_common, add_set, add_version, open_version
from train_tools.commands.output import Output
from train_tools.compare import service, tensorboard
from train_tools.compare.board import read_board
from train_tools.compare.checkpoints import checkpoint_named, find_checkpoints
from train_tools.compare.curves import USUAL_SMOOTHING, read_curves
from train_tools.compare.export.document import SIZES, SMALL, pieces
from train_tools.compare.marks import CELL, CHECKPOINT, NONE, REJECT, STAR, Target, mark_history, set_mark
from train_tools.compare.scores.document import read_scores
from train_tools.compare.scores.service import score
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.compare.votes import ranking, take_back, vote
from train_tools.errors import UsageError
from train_tools.ui.texts import export_words
from train_tools.workspace import settings
from train_tools.workspace.files import write_pieces
from train_tools.workspace.halfwidth import half_commas
from train_tools.workspace.workspace import Version

HELP = "Compares the checkpoints of a version: board, marks, blind votes, scores, curves, advice."
ACTIONS = {
    "board": "all pictures as a table, by any axes",
    "marks": "what is starred, rejected and noted; --history shows every change",
    "mark": "star, reject or note a checkpoint or a picture",
    "pair": "two checkpoints whose comparison would tell most",
    "vote": "which of two checkpoints is better; `compare vote … undo` takes the last one back",
    "ranking": "the checkpoints by votes (Bradley–Terry), with 95 %% intervals",
    "scores": "the scores of all checkpoints, explained",
    "score": "score the checkpoints now; `queue add --kind score` does it in the queue",
    "curves": "loss and learning rate of runs",
    "advice": "what a picture marked best in a grid of UNet and text encoder weights says of the next learning rates",
    "tensorboard": "start TensorBoard over the version's runs, or end it",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    for action, help_text in ACTIONS.items():
        leaf = actions.add_parser(action, help=help_text, description=help_text)
        add_version(leaf)
        if action in OPTIONS:
            OPTIONS[action](leaf)
        add_common(leaf)


def add_board(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument("--rows", default="", metavar="AXIS,…", help="the axes of the rows, the outer first")
    leaf.add_argument("--columns", default="", metavar="AXIS,…", help="the axes of the columns")
    leaf.add_argument(
        "--where", action="append", default=[], metavar="AXIS=VALUE|…", help="only pictures with these values"
    )
    leaf.add_argument(
        "--sort", default="", metavar="NAME", help=f"rows by {', '.join(service.SORTS)}, or a score"
    )
    leaf.add_argument("--starred", action="store_true", help="only checkpoints with a star")
    leaf.add_argument("--no-rejected", action="store_true", help="without those that are rejected")
    leaf.add_argument(
        "--html", type=Path, metavar="FILE", help="write the board as one page with its pictures inside"
    )
    leaf.add_argument("--pictures", choices=SIZES, default=SMALL, help="those of --html; default %(default)s")


def add_mark(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument(
        "what", metavar="CHECKPOINT", help="its file, run/file or id; or a picture's key with --cell"
    )
    leaf.add_argument("--cell", action="store_true", help="a picture is marked")
    one = leaf.add_mutually_exclusive_group()
    for mark in (STAR, REJECT):
        one.add_argument(f"--{mark}", dest="mark", action="store_const", const=mark)
    one.add_argument("--clear", dest="mark", action="store_const", const=NONE, help="no mark any more")
    leaf.add_argument("--note", metavar="TEXT", help="empty takes it away")


def add_vote(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument("a", metavar="A", help="a checkpoint, or `undo`")
    leaf.add_argument("b", metavar="B", nargs="?", default="")
    leaf.add_argument("better", metavar="a|b|tie", nargs="?", default="")


def add_curves(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument("--run", action="append", default=[], metavar="NAME", help="default: all")
    leaf.add_argument(
        "--smoothing", type=float, default=USUAL_SMOOTHING, help=f"0 to 1; default {USUAL_SMOOTHING}"
    )


OPTIONS: Mapping[str, Callable[[argparse.ArgumentParser], object]] = {
    "board": add_board,
    "marks": lambda leaf: leaf.add_argument("--history", action="store_true", help="every change"),
    "mark": add_mark,
    "vote": add_vote,
    "score": add_set,
    "curves": add_curves,
    "advice": lambda leaf: leaf.add_argument("cell", metavar="PICTURE", help="the best picture's key"),
    "tensorboard": lambda leaf: leaf.add_argument("--stop", action="store_true", help="end it"),
}


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = open_version(arguments, out)
    document, text = DOINGS[arguments.action](version, arguments, out)
    out.say(text)
    out.document(document)
    return 0


Answer = tuple[Any, str]


def board(version: Version, arguments: argparse.Namespace, _out: Output) -> Answer:
    view = service.View(
        rows=tuple(filter(None, half_commas(arguments.rows).split(","))),
        columns=tuple(filter(None, half_commas(arguments.columns).split(","))),
        where=where_of(arguments.where),
        sort=arguments.sort,
        starred=arguments.starred,
        no_rejected=arguments.no_rejected,
    )
    found = service.view_board(version, view)
    if arguments.html:
        page = pieces(version, found, export_words(), arguments.pictures, "en")
        write_pieces(arguments.html, (piece.encode() for piece in page))
        size = arguments.html.stat().st_size
        return {"file": str(arguments.html), "bytes": size}, f"{arguments.html}: {size / 1e6:.1f} MB"
    return service.document(version, found), words.board(found)


def where_of(given: list[str]) -> dict[str, tuple[str, ...]]:
    pairs = [text.partition("=") for text in given]
    if wrong := next((text for text, pair in zip(given, pairs, strict=True) if not pair[1]), None):
        raise UsageError(f"--where {wrong!r} must be AXIS=VALUE, several values separated by |")
    return {name.strip(): tuple(part.strip() for part in text.split("|")) for name, _, text in pairs}


def marks(version: Version, arguments: argparse.Namespace, _out: Output) -> Answer:
    if arguments.history:
        return mark_history(version), words.history(mark_history(version))
    found = service.marked(version)
    return found, words.marks(found)


def mark(version: Version, arguments: argparse.Namespace, _out: Output) -> Answer:
    if arguments.mark is None and arguments.note is None:
        raise UsageError("say --star, --reject, --clear or --note TEXT")
    if arguments.cell:
        cell = read_board(version).cell_with(arguments.what)
        target = Target(CELL, cell.key, cell.image)
    else:
        checkpoint = checkpoint_named(find_checkpoints(version), arguments.what)
        target = Target(CHECKPOINT, checkpoint.id, checkpoint.name)
    done = set_mark(version, target, arguments.mark, arguments.note)
    document = {
        "kind": target.kind,
        "id": target.id,
        "name": target.name,
        "mark": done.mark,
        "note": done.note,
    }
    return document, f"{target.name}: {done.mark or 'no mark'}{f', {done.note}' if done.note else ''}"


def pair(version: Version, _arguments: argparse.Namespace, _out: Output) -> Answer:
    found = service.next_pair(version, service.View(no_rejected=True), random.Random())
    return found, words.pair(found)


def cast(version: Version, arguments: argparse.Namespace, _out: Output) -> Answer:
    if arguments.a == "undo" and not arguments.b:
        number = take_back(version)
        return {"taken_back": number}, f"vote {number} counts no more"
    found = find_checkpoints(version)
    a, b = (checkpoint_named(found, name) for name in (arguments.a, arguments.b))
    return vote(version, a.id, b.id, arguments.better), f"{a.name} against {b.name}: {arguments.better}"


def ranks(version: Version, _arguments: argparse.Namespace, _out: Output) -> Answer:
    found = service.named_ranks(version, ranking(version))
    return found, words.ranking(found)


def scores(version: Version, _arguments: argparse.Namespace, _out: Output) -> Answer:
    documents = read_scores(version)
    return documents, words.scores(documents, find_checkpoints(version))


def score_now(version: Version, arguments: argparse.Namespace, out: Output) -> Answer:
    changes = settings.parse_assignments(arguments.set)
    chosen = settings.preview_change(version, "score", ScoreSettings, changes)
    done = score(version, chosen, words.progress(out))
    settings.change(version, "score", ScoreSettings, changes)  # what worked is kept
    for fault in done.faults:
        out.say(fault)
    documents = read_scores(version)
    return documents, words.scores(documents, find_checkpoints(version))


def curves(version: Version, arguments: argparse.Namespace, _out: Output) -> Answer:
    found = read_curves(version, arguments.run, arguments.smoothing)
    return service.curves_document(found, arguments.smoothing), words.curves(found)


def advice(version: Version, arguments: argparse.Namespace, _out: Output) -> Answer:
    found = service.advice_for(version, arguments.cell)
    return service.advice_document(found), words.advice(version, found)


def board_of_tensors(version: Version, arguments: argparse.Namespace, out: Output) -> Answer:
    if arguments.stop:
        was = tensorboard.stop(version)
        return {"stopped": was}, "TensorBoard has ended" if was else "no TensorBoard runs for this version"
    found = tensorboard.start(version)
    out.say("TensorBoard starts …")
    tensorboard.wait(version, found)
    return {
        "url": found.url,
        "pid": found.pid,
    }, f"TensorBoard is at {found.url} until `compare tensorboard --stop`"


DOINGS = {
    "board": board, "marks": marks, "mark": mark, "pair": pair, "vote": cast, "ranking": ranks, "scores": scores,
    "score": score_now, "curves": curves, "advice": advice, "tensorboard": board_of_tensors,
}  # fmt: skip
