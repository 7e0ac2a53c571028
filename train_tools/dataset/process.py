"""Makes a new revision of the processed set from the originals; the previous one goes to the history."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from train_tools.dataset import revision as revisions
from train_tools.dataset.by_hand import touches
from train_tools.dataset.known import Known, Skipped
from train_tools.dataset.making import Job, Made, Plan, make
from train_tools.dataset.originals import (
    Original,
    caption_files,
    masks_among,
    originals_in,
    picture_files,
)
from train_tools.dataset.parallel import ordered
from train_tools.dataset.progress import Progress, Report, silent
from train_tools.dataset.repeats import repeats_of
from train_tools.dataset.revision import Revision, Source
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace import files, swap
from train_tools.workspace.lock import writing
from train_tools.workspace.names import comparable
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class Problem:
    name: str
    reason: str


@dataclass(frozen=True)
class ProcessReport:
    """`failed` originals can't be read, `skipped` ones give no image with these settings; both are left out.

    `notes` are on originals whose images are in. `reused` images are those of the previous revision.
    `conflicts` are on captions written by hand or by a captioner: by image where the caption was carried over
    but the image shows something else, by original where the image isn't made any more.
    """

    revision: int
    folders: tuple[Path, ...]
    originals: int
    images: int
    reused: int
    captions_kept: int
    conflicts: tuple[Problem, ...]
    failed: tuple[Problem, ...]
    skipped: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    previous: Path | None


@dataclass
class Outcome:
    """What has been made so far. `sources` name files as <concept>/<file>."""

    sources: list[Source] = field(default_factory=list)
    concepts: list[str] = field(default_factory=list)  # of each source
    reused: int = 0
    failed: list[Problem] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


def process(version: Version, settings: DatasetSettings, report: Report = silent) -> ProcessReport:
    """Builds the new revision aside and puts it in place at the end; `report` may raise until then.

    Raises UsageError where there are no originals or the version is being written, TrainToolsError where none
    gives an image or the disk refuses; the current revision is untouched then.
    """
    with writing(version, "processing images"):
        originals = originals_in(version.origin)
        if not originals:
            raise UsageError(
                f"{version.project} {version.name} has no images yet; "
                f"add some with `dataset add {version.project} {version.name} PATH`"
            )
        building = None
        try:
            building = swap.begin(version.processed)
            return build(version, settings, originals, building, report)
        except OSError as error:
            told = sentence_of(error, version.processed)
            raise TrainToolsError(
                f"nothing was processed, the images from before are untouched: {told}"
            ) from error
        finally:
            if building is not None and building.exists():
                shutil.rmtree(building, ignore_errors=True)


def build(
    version: Version, settings: DatasetSettings, originals: list[Original], building: Path, report: Report
) -> ProcessReport:
    before = revisions.read(version.processed)
    edited = revisions.edited_captions(version.processed, before)
    plan = Plan(settings, version.origin, version.processed, reusable(before), edited, touches(version))
    known = Known.of(version)
    names = concept_names(version, settings, originals)
    jobs = list(jobs_of(originals, names, building, known))
    outcome = make_all(plan, jobs, names, known, report)
    folders, sources = name_folders(building, outcome, settings)
    revision = Revision(
        revisions.next_number(version),
        datetime.now().isoformat("T", "seconds"),
        asdict(settings),
        sources,
        tuple(Skipped(one.name, one.reason) for one in (*outcome.failed, *outcome.skipped)),
    )
    revisions.write(building, revision)
    archive = archive_name(version, before)
    archived = swap.swap(building, version.processed, archive)
    known.save(originals)
    return ProcessReport(
        revision=revision.number,
        folders=tuple(version.processed / name for name in folders),
        originals=len(originals),
        images=len(sources),
        reused=outcome.reused,
        captions_kept=sum(source.place in edited for source in sources),
        conflicts=tuple(conflicts(sources, edited, before)),
        failed=tuple(outcome.failed),
        skipped=tuple(outcome.skipped),
        notes=tuple(outcome.notes),
        previous=archive if archived else None,
    )


def reusable(before: Revision | None) -> dict[str, list[Source]]:
    """Its images by key; of originals that are the same, the first one's."""
    found: dict[str, list[Source]] = {}
    for source in before.images if before else ():
        group = found.setdefault(source.key, [])
        if source.key and (not group or group[0].original == source.original):
            group.append(source)
    return found


def concept_names(
    version: Version, settings: DatasetSettings, originals: Sequence[Original]
) -> dict[Original, str]:
    """Names that some disk can't tell apart are one concept, spelt as its first."""
    spelt: dict[str, str] = {}
    own = settings.concept_of(version)
    wanted = {original: original.concept or own for original in originals}
    return {original: spelt.setdefault(comparable(name), name) for original, name in wanted.items()}


def jobs_of(
    originals: Sequence[Original], names: dict[Original, str], building: Path, known: Known
) -> Iterable[Job]:
    """Pictures go to a folder of their concept's place in the list, as its repeats aren't known yet."""
    places = {name: str(place) for place, name in enumerate(dict.fromkeys(names.values()))}
    captions: dict[Path, dict[str, Path]] = {}
    masks: dict[Path, dict[str, Path]] = {}
    for number, original in enumerate(originals, start=1):
        beside = original.path.parent
        if beside not in captions:  # matched as intake does
            captions[beside] = {comparable(stem): path for stem, path in caption_files(beside).items()}
            pictures = masks_among(picture_files(beside))
            masks[beside] = {comparable(stem): path for stem, path in pictures.items()}
        stem, needs_look = comparable(original.path.stem), known.look(original) is None
        folder = building / places[names[original]]
        folder.mkdir(exist_ok=True)
        yield Job(original, folder, number, captions[beside].get(stem), needs_look, masks[beside].get(stem))


def make_all(
    plan: Plan, jobs: Sequence[Job], names: dict[Original, str], known: Known, report: Report
) -> Outcome:
    outcome = Outcome()
    with ordered(partial(make, plan), jobs) as results:
        for done, (job, made) in enumerate(results, start=1):
            collect(outcome, job, made, names[job.original])
            if made.look:
                known.see(job.original, made.look)
            report(Progress(done, len(jobs), job.original.name, in_words(made)))
    if not outcome.sources:
        first = (outcome.failed or outcome.skipped)[0]
        raise TrainToolsError(
            f"none of the {len(jobs)} originals gives an image ({first.name}: {first.reason}); "
            "add other images or change the settings, then process again"
        )
    return outcome


def collect(outcome: Outcome, job: Job, made: Made, concept: str) -> None:
    name = job.original.name
    if made.failure:
        outcome.failed.append(Problem(name, made.failure))
    elif made.skipped:
        outcome.skipped.append(Problem(name, made.skipped))
    outcome.sources += [replace(s, file=f"{job.folder.name}/{s.file}") for s in made.sources]
    outcome.concepts += [concept] * len(made.sources)
    outcome.reused += len(made.sources) if made.is_reused else 0
    outcome.notes += [Problem(name, note) for note in made.notes]


def in_words(made: Made) -> str:
    if made.failure:
        return f"failed: {made.failure}"
    if made.skipped:
        return f"skipped: {made.skipped}"
    return "; ".join(["unchanged" if made.is_reused else "processed", *made.notes])


def name_folders(
    building: Path, outcome: Outcome, settings: DatasetSettings
) -> tuple[list[str], tuple[Source, ...]]:
    """Renames each concept's folder to <repeats>_<concept>; returns those names, and the sources with them."""
    repeats = repeats_of(Counter(outcome.concepts), settings)
    places = {
        source.file.partition("/")[0]: c for source, c in zip(outcome.sources, outcome.concepts, strict=True)
    }
    for folder in [path for path in building.iterdir() if path.name not in places]:
        folder.rmdir()  # none of its originals gave an image
    names = {place: f"{repeats[concept]}_{concept}" for place, concept in places.items()}
    for place, name in names.items():
        files.sync_folder(building / place)
        files.replace(building / place, building / name)
    renamed = (source.file.partition("/") for source in outcome.sources)
    paths = [f"{names[place]}/{file}" for place, _, file in renamed]
    sources = tuple(replace(s, file=path) for s, path in zip(outcome.sources, paths, strict=True))
    return list(names.values()), sources


def archive_name(version: Version, before: Revision | None) -> Path:
    number = f"-r{before.number}" if before else ""  # made by another program
    return files.free_name(version.history, files.time_stamp() + number)


def conflicts(
    sources: Sequence[Source], edited: dict[revisions.Place, revisions.Edited], before: Revision | None
) -> Iterable[Problem]:
    """Captions of the previous revision that a person should look at."""
    places = {source.place for source in sources}
    for source in sources:
        earlier = edited.get(source.place)
        reason = source.shows_other_than(earlier.source) if earlier else ""
        if reason:
            yield Problem(source.file, f"{reason}; check the caption")
    for place, earlier in edited.items():
        if place not in places and before:
            where = f"its caption stays in revision {before.number}"
            yield Problem(earlier.source.file, f"this image isn't made any more; {where}")
