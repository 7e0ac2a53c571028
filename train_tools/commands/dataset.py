"""`dataset add|process|caption|show|revisions|restore|preview-image PROJECT VERSION …`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train_tools.captioning.availability import is_toy
from train_tools.captioning.service import caption
from train_tools.captioning.settings import CaptioningSettings
from train_tools.commands.census_words import census_lines, duplicate_lines
from train_tools.commands.options import add_common, add_set, add_version, open_version
from train_tools.commands.output import Output
from train_tools.dataset.census import take_census
from train_tools.dataset.history import restore, revisions_of
from train_tools.dataset.intake import add, proposal_for
from train_tools.dataset.layout import said
from train_tools.dataset.making import png
from train_tools.dataset.preview_image import preview_image
from train_tools.dataset.process import process
from train_tools.dataset.progress import Progress, Report
from train_tools.dataset.proposal import Decision, SettingChange
from train_tools.dataset.reg import add_reg
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.sources import shown
from train_tools.dataset.taking import ADDED, FAILED, IGNORED, THERE
from train_tools.errors import UsageError
from train_tools.workspace.files import write_bytes
from train_tools.workspace.settings import change, parse_assignments, preview_change
from train_tools.workspace.workspace import Version

HELP = "Adds images to a version, processes them, shows what is there."
ACTIONS = {
    "add": "copy images and folders of images into the version",
    "process": "make the training images from the originals, as a new revision",
    "caption": "write a caption for each training image",
    "show": "count images, repeats, captions and sizes; name duplicates and what was skipped",
    "revisions": "list the current revision of the training images and the earlier ones",
    "restore": "make an earlier revision current again",
    "preview-image": "show what the settings make of one original, without touching the set",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    for action, help_text in ACTIONS.items():
        leaf = actions.add_parser(action, help=help_text)
        add_version(leaf)
        if action in EXTRA_ARGUMENTS:
            EXTRA_ARGUMENTS[action](leaf)
        if action not in ("revisions", "restore"):
            add_set(leaf)
        add_common(leaf)


def add_arguments_of_add(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="image, folder, zip or tar")
    kind = leaf.add_mutually_exclusive_group()
    kind.add_argument(
        "--concept",
        default="",
        help="what these show, if neither the version's own concept nor what folders say",
    )
    kind.add_argument(
        "--reg",
        metavar="CLASS",
        default="",
        help="they are regularisation images of that class, e.g. person: never the trigger word, as it becomes the "
        "caption of those without one",
    )
    leaf.add_argument("--repeats", type=int, metavar="N", help="of regularisation images (default: 1)")
    leaf.add_argument(
        "--as-is",
        action="store_true",
        help="every picture is an image, whatever its folder is called (10_zorb, reg, sample) and its name (masks)",
    )
    leaf.add_argument(
        "--dry-run", action="store_true", help="say what would become of the folders, and add nothing"
    )


def add_arguments_of_restore(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument("revision", metavar="N", help="its number, or its folder's name in dataset/history")


def add_arguments_of_preview_image(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument("name", metavar="NAME", help="file name of an original")
    leaf.add_argument(
        "--out", metavar="FILE.png", type=Path, required=True, help="where the sheet is written"
    )


EXTRA_ARGUMENTS = {
    "add": add_arguments_of_add,
    "restore": add_arguments_of_restore,
    "preview-image": add_arguments_of_preview_image,
}


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = open_version(arguments, out)
    actions = {
        "add": run_add,
        "process": run_process,
        "caption": run_caption,
        "show": run_show,
        "revisions": run_revisions,
        "restore": run_restore,
        "preview-image": run_preview_image,
    }
    return actions[arguments.action](version, arguments, out)


def run_add(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    change(version, "dataset", DatasetSettings, parse_assignments(arguments.set))
    if arguments.repeats is not None and not arguments.reg:
        raise UsageError("--repeats is for --reg; those of other images are the setting repeats")
    if arguments.dry_run:
        return run_proposal(version, arguments, out)
    if arguments.reg:
        report = add_reg(
            version,
            arguments.paths,
            arguments.reg,
            arguments.repeats,
            say_progress(out),
            as_is=arguments.as_is,
        )
    else:
        concept, as_is = arguments.concept, arguments.as_is
        report = add(version, arguments.paths, say_progress(out), concept, as_is=as_is)
    groups = {outcome: report.of(outcome) for outcome in (ADDED, THERE, IGNORED, FAILED)}
    for item in groups[IGNORED]:
        out.say(f"ignored {item.source}: {item.reason}")
    complain((item.source, item.reason) for item in groups[FAILED])
    for line in duplicate_lines(report.duplicates):
        out.say(line)
    say_decisions(report.decisions, report.changes, out)
    for problem in take_census(version).reg_problems if arguments.reg else ():
        out.say(f"regularisation {problem.name}: {problem.reason}")
    out.say(", ".join(f"{len(items)} {outcome}" for outcome, items in groups.items()))
    if not any(groups[outcome] for outcome in (ADDED, THERE, FAILED)):
        complain([(", ".join(map(shown, arguments.paths)), "there is no image to add")])
    document: dict[str, Any] = {
        outcome.replace(" ", "_"): [asdict(item) for item in items] for outcome, items in groups.items()
    }
    document["duplicates"] = [asdict(group) for group in report.duplicates]
    out.document({**document, **plain_decisions(report.decisions, report.changes)})
    return 0 if not groups[FAILED] and (groups[ADDED] or groups[THERE]) else 1


def run_proposal(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    forced = said(arguments.concept, arguments.reg)
    proposal = proposal_for(version, arguments.paths, forced, as_is=arguments.as_is)
    say_decisions(proposal.decisions, proposal.changes, out)
    if not proposal.decisions:
        out.say("the folders' names say nothing: all are images alike")
    out.document(plain_decisions(proposal.decisions, proposal.changes))
    return 0


def say_decisions(decisions: Sequence[Decision], changes: Sequence[SettingChange], out: Output) -> None:
    """What the folders' names meant; --as-is heeds none of them."""
    for decision in decisions:
        out.say(f"{decision.folder or 'single files'}: {decision.sentence}")
    for one in changes:
        out.say(f"setting {one.section}.{one.name}: {one.sentence}")


def plain_decisions(decisions: Sequence[Decision], changes: Sequence[SettingChange]) -> dict[str, Any]:
    return {"decisions": [asdict(one) for one in decisions], "settings": [asdict(one) for one in changes]}


def run_process(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    settings = change(version, "dataset", DatasetSettings, parse_assignments(arguments.set))
    report = process(version, settings, say_progress(out))
    complain((problem.name, problem.reason) for problem in report.failed)
    for problem in report.conflicts:
        out.say(f"caption of {problem.name}: {problem.reason}")
    if report.reused:
        out.say(f"{report.reused} images are those of the previous revision")
    out.say(
        f"revision {report.revision}: {report.images} images of {report.originals} originals "
        f"in {', '.join(map(str, report.folders))}"
    )
    if report.captions_kept:
        out.say(f"{report.captions_kept} captions of the previous revision were carried over")
    out.document(plain(asdict(report)))
    return 1 if report.failed else 0


TOY = "the model that ships is a toy that sees coloured shapes in every picture; for real ones `--set captioner=wd`"


def run_caption(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    assignments = parse_assignments(arguments.set)
    settings = preview_change(version, "captioning", CaptioningSettings, assignments)
    if is_toy(settings):
        out.say(TOY)
    report = caption(version, settings, say_progress(out))
    change(version, "captioning", CaptioningSettings, assignments)  # a refused captioning changes no setting
    complain((failure.name, failure.reason) for failure in report.failed)
    out.say(f"{len(report.written)} captions written, {report.kept} kept, {len(report.failed)} failed")
    if report.saved:
        out.say(f"the captions before are in {report.saved}")
    out.document(plain(asdict(report)))
    return 1 if report.failed else 0


def run_show(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    settings = preview_change(version, "dataset", DatasetSettings, parse_assignments(arguments.set))
    census = take_census(version)
    for line in census_lines(census, settings):
        out.say(line)
    document = {"project": version.project, "version": version.name, "folder": str(version.folder)}
    out.document({**document, "settings": asdict(settings), **asdict(census)})
    return 0


def run_revisions(version: Version, _: argparse.Namespace, out: Output) -> int:
    found = revisions_of(version)
    for one in found:
        number = str(one.number) if one.number is not None else "made by another program"
        origin = f", revision {one.restored_from} restored" if one.restored_from else ""
        out.say(f"{number}: {one.images} images{origin}, {one.time or 'time unknown'}, {one.name}")
    if not found:
        out.say("nothing was processed yet")
    out.document([plain(asdict(one)) for one in found])
    return 0


def run_restore(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    report = restore(version, arguments.revision, say_progress(out))
    number = f", now revision {report.revision}" if report.revision else ""
    out.say(f"{report.images} images of revision {arguments.revision} are current again{number}")
    if report.previous:
        out.say(f"the images before are in {report.previous}")
    out.document(plain(asdict(report)))
    return 0


def run_preview_image(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    settings = preview_change(version, "dataset", DatasetSettings, parse_assignments(arguments.set))
    if arguments.out.exists():
        raise UsageError(f"{arguments.out} exists already; name another file")
    preview = preview_image(version, arguments.name, settings)
    write_bytes(arguments.out, png(preview.sheet))
    for picture in preview.pictures:
        mirrored = ", flipped" if picture.flipped else ""
        out.say(f"{picture.operation}{mirrored}: {picture.width}x{picture.height}")
    if preview.note:
        out.say(f"note: {preview.note}")
    out.say(f"the sheet is {arguments.out}")
    document = {name: getattr(preview, name) for name in ("name", "width", "height", "note")}
    pictures = [asdict(picture) for picture in preview.pictures]
    out.document({**document, "pictures": pictures, "sheet": str(arguments.out)})
    return 0


def say_progress(out: Output) -> Report:
    def report(progress: Progress) -> None:
        out.say(f"[{progress.done}/{progress.total}] {progress.name}: {progress.text}")

    return report


def complain(problems: Iterable[tuple[str, str]]) -> None:
    """What went wrong, a line each, on standard error."""
    for name, reason in problems:
        print(f"train_tools: {name}: {reason}", file=sys.stderr)


def plain(value: Any) -> Any:
    """Paths as text, so that JSON can hold them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
