"""Editing the captions of a version: a preview, one change at once, undo and redo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from train_tools.dataset.originals import UnreadableCaptionError
from train_tools.dataset.progress import Report, silent
from train_tools.errors import UsageError
from train_tools.tags import journal
from train_tools.tags.caption import comparable
from train_tools.tags.edits import Edit
from train_tools.tags.files import CaptionFile, read_captions, read_text
from train_tools.tags.filters import Filter, chosen
from train_tools.tags.journal import Change, Entry
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version

EVERYTHING = Filter()


@dataclass(frozen=True)
class EditReport:
    """`entry` is None where nothing changed. `skipped` captions can't be read: (file, reason)."""

    entry: Entry | None
    changes: tuple[Change, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StepReport:
    """An undo or redo. `kept` files were left as they are: (file, reason)."""

    entry: Entry
    changes: tuple[Change, ...]
    kept: tuple[tuple[str, str], ...]


def captions(version: Version, wanted: Filter = EVERYTHING) -> list[CaptionFile]:
    """Those that the filter matches, by name. Raises UsageError where nothing is processed."""
    journal.settle(version)
    return chosen(read_captions(version), wanted)


def preview(version: Version, edit: Edit, wanted: Filter = EVERYTHING) -> EditReport:
    """What `apply_edit` would change; writes nothing."""
    return _planned(captions(version, wanted), edit)


def apply_edit(
    version: Version, what: str, edit: Edit, wanted: Filter = EVERYTHING, report: Report = silent
) -> EditReport:
    """Changes every caption that the filter matches, or none; `what` names the change in the history.

    Raises UsageError where another writes, TrainToolsError where the disk refuses.
    """
    with writing(version, "editing captions"):
        planned = preview(version, edit, wanted)
        if not planned.changes:
            return planned
        return replace(planned, entry=journal.commit(version, what, planned.changes, report))


def apply_changes(
    version: Version, what: str, changes: Sequence[Change], report: Report = silent
) -> EditReport:
    """Applies a preview as it was seen; raises UsageError where one of its captions has changed since."""
    with writing(version, "editing captions"):
        now = {file.name: file.text for file in captions(version) if not file.problem}
        for change in changes:
            if change.name not in now or now[change.name] != change.before:
                raise UsageError(f"{change.name} has changed since the preview; look at it again, then apply")
        if not changes:
            return EditReport(None, (), ())
        return EditReport(journal.commit(version, what, changes, report), tuple(changes), ())


def undo(version: Version, report: Report = silent) -> StepReport:
    """Takes the latest change back; a caption that was edited by hand since stays as it is.

    Raises UsageError where there is nothing to undo.
    """
    return _step(version, report, back=True)


def redo(version: Version, report: Report = silent) -> StepReport:
    """Makes the change again that was undone last; raises UsageError where there is none."""
    return _step(version, report, back=False)


def tag_counts(files: Iterable[CaptionFile], *, first_lines: bool = False) -> Counter[str]:
    """In how many captions each tag stands, the most frequent first; tags that mean the same count as one,
    under the spelling that comes first. `first_lines`: as training reads captions, of several lines the first.
    """
    spelling: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for file in files:
        found = file.caption.first_line_tags if first_lines else file.caption.tags
        tags = {comparable(tag): tag for tag in reversed(found)}
        for key, tag in tags.items():
            counts[spelling.setdefault(key, tag)] += 1
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], comparable(item[0])))))


def comparable_counts(files: Iterable[CaptionFile]) -> dict[str, int]:
    """`tag_counts` by comparable tag, as sorting wants it."""
    return {comparable(tag): count for tag, count in tag_counts(files).items()}


def _planned(files: Sequence[CaptionFile], edit: Edit) -> EditReport:
    changes: dict[str, Change] = {}
    skipped = []
    for file in files:
        if file.problem:
            skipped.append((file.name, file.problem))
            continue
        after = edit(file.text or "", file.image.concept)
        if after != (file.text or ""):
            changes.setdefault(file.name, Change(file.name, file.text, after))  # a.png and a.jpg share a.txt
    return EditReport(None, tuple(changes.values()), tuple(skipped))


def _step(version: Version, report: Report, *, back: bool) -> StepReport:
    with writing(version, "undoing a change of captions" if back else "redoing a change of captions"):
        journal.settle_held(version)
        state = journal.read_state(version)
        stack = state.done if back else state.undone
        if not stack:
            raise UsageError(
                f"{version.project} {version.name} has no change to {'undo' if back else 'redo'}"
            )
        entry = stack[-1]
        changes, kept = _still_possible(version, entry, back=back)
        done, undone = (
            (state.done[:-1], (*state.undone, entry)) if back else ((*state.done, entry), state.undone[:-1])
        )
        journal.write_record(version, journal.STEP, entry.what, changes)
        journal.perform(
            version,
            changes,
            replace(state, pending=journal.STEP),
            replace(state, done=done, undone=undone),
            report,
        )
        return StepReport(entry, tuple(changes), tuple(kept))


def _still_possible(
    version: Version, entry: Entry, *, back: bool
) -> tuple[list[Change], list[tuple[str, str]]]:
    """What of a change can be taken back or made again, and which files must stay as they are."""
    recorded = journal.read_record(version, journal.record_name(entry.number))
    there = {file.name for file in read_captions(version)}
    changes, kept = [], []
    for record in recorded:
        change = Change(record.name, record.after, record.before) if back else record
        try:
            now = read_text(version.processed / change.name)
        except UnreadableCaptionError as error:
            kept.append((change.name, str(error)))
            continue
        if change.name not in there:
            kept.append((change.name, "its image isn't there any more"))
        elif now == change.before:
            changes.append(change)
        elif now != change.after:
            kept.append((change.name, "it was edited since"))
    return changes, kept
