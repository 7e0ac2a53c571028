"""What training sees: the current revision with its counts and checks, earlier ones, regularisation images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from train_tools.dataset.bucket_chart import bucket_chart
from train_tools.dataset.census import take_census
from train_tools.dataset.checks import Finding, check_images, in_order, read_sizes
from train_tools.dataset.differences import differences
from train_tools.dataset.history import RevisionInfo, revisions_of
from train_tools.dataset.reg import count_reg
from train_tools.dataset.revision import FILE as REVISION
from train_tools.dataset.revision import read as read_revision
from train_tools.dataset.training import TrainingImage, training_images
from train_tools.dataset.triggers import triggers_of
from train_tools.errors import TrainToolsError
from train_tools.families.interface import BASE
from train_tools.planning.shapes import shapes_of
from train_tools.tags import checks as caption_checks
from train_tools.tags.files import read_captions
from train_tools.ui.routes.data_originals import times
from train_tools.ui.routing import Call, get
from train_tools.workspace import settings
from train_tools.workspace.catalogue import as_text
from train_tools.workspace.workspace import Version, folders_in


def images_stamp(version: Version) -> str:
    return times([version.processed, *folders_in(version.processed), version.settings_file])


def reg_stamp(version: Version) -> str:
    return times([version.reg, *folders_in(version.reg), version.processed])


def revisions_stamp(version: Version) -> str:
    return times([version.processed / REVISION, version.history])


def _later(call: Call, what: str, stamp: str, work: Callable[[], Any]) -> Any:
    return call.request.app.state.later.answer((call.version.folder, what), stamp, work)


def images(call: Call) -> Any:
    version = call.version
    return _later(call, "images", images_stamp(version), lambda: rows_of(version, version.processed))


def rows_of(version: Version, folder: Path) -> list[list[Any]]:
    """[path in the version's folder, time of change, has a caption] of each training image."""
    captions = {path for concept in folders_in(folder) for path in concept.iterdir() if path.suffix == ".txt"}
    return [
        [
            image.path.relative_to(version.folder).as_posix(),
            image.path.stat().st_mtime_ns // 1000,
            int(image.caption_file in captions),
        ]
        for image in training_images(folder)
    ]


def census(call: Call) -> Any:
    """Counts, bucket charts and checks, by the sizes that the plan trains."""
    version = call.version
    stamp = f"{images_stamp(version)}-{reg_stamp(version)}"
    return _later(call, "census", stamp, lambda: _census(version))


def _census(version: Version) -> dict[str, Any]:
    sizes, _ = read_sizes(training_images(version.processed))
    charts, findings, problem = [], [], ""
    has_base = bool(settings.read(version)["training"].get(BASE))
    try:
        rules = dict.fromkeys((shape.rule, shape.batch_size) for shape in shapes_of(version))
        found = (finding for rule, batch_size in rules for finding in check_images(version, rule, batch_size))
        findings = in_order([*dict.fromkeys(found), *_of_captions(version)])
        if has_base:  # else they would be those of the toy
            charts = [_chart(rule, sizes) for rule in dict.fromkeys(rule for rule, _ in rules)]
    except (
        TrainToolsError
    ) as error:  # what the plan asks for can't be; the images can be counted nevertheless
        problem = str(error)
    counted = asdict(take_census(version))
    for long in ("skipped", "duplicates", "last_intake"):  # the list of originals tells them
        del counted[long]
    revision = read_revision(version.processed)
    made_with = {name: as_text(value) for name, value in revision.settings.items()} if revision else {}
    return {
        "census": counted,
        "charts": charts,
        "has_base": has_base,
        "findings": findings,
        "problem": problem,
        "settings": made_with,  # as texts, as data/settings gives those of now
    }


def _of_captions(version: Version) -> list[Finding]:
    """What is missing altogether; the Captions panel says the rest."""
    if not training_images(version.processed):
        return []
    files = read_captions(version)
    found = [*caption_checks.unreadable(files), *caption_checks.missing(files), *caption_checks.empty(files)]
    return [one if one.where else replace(one, id="caption-none") for one in found]


def _chart(rule: Any, sizes: dict[TrainingImage, tuple[int, int]]) -> dict[str, Any]:
    return {"resolution": rule.resolution, "is_on": rule.is_on, "buckets": bucket_chart(sizes, rule)}


def revisions(call: Call) -> Any:
    version = call.version
    return _later(call, "revisions", revisions_stamp(version), lambda: _revisions(version))


def _revisions(version: Version) -> list[dict[str, Any]]:
    """The newest first."""
    return [_revision(one) for one in reversed(revisions_of(version))]


def _revision(one: RevisionInfo) -> dict[str, Any]:
    names = ("number", "name", "time", "images", "is_current", "restored_from")
    return {name: getattr(one, name) for name in names}


def compare(call: Call) -> Any:
    version, old, new = call.version, call.query("old"), call.query("new")
    stamp = f"{revisions_stamp(version)}-{images_stamp(version)}"
    return _later(call, f"compare {old} {new}", stamp, lambda: differences(version, old, new))


def reg(call: Call) -> Any:
    version = call.version
    return _later(call, "reg", reg_stamp(version), lambda: _reg(version))


def _reg(version: Version) -> dict[str, Any]:
    training = training_images(version.processed)
    counts, problems = count_reg(version.reg, training, triggers_of(version, training))
    return {
        "folders": counts,
        "problems": problems,
        "rows": rows_of(version, version.reg),
        "concepts": list(dict.fromkeys(image.concept for image in training)),
    }


AT = "/api/v/{project}/{version}/data"
ROUTES = [
    get(f"{AT}/images", images),
    get(f"{AT}/census", census),
    get(f"{AT}/revisions", revisions),
    get(f"{AT}/compare", compare),
    get(f"{AT}/reg", reg),
]
