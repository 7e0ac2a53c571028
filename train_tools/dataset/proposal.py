"""What becomes of what a person gives, folder by folder, and which settings say so: proposed first, then done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from train_tools.dataset.candidates import Candidate, Found, LeftOut, caption_of
from train_tools.dataset.layout import CONCEPT, LEFT_OUT, OWN, REG, Layout, Role, shown_folder
from train_tools.dataset.originals import UnreadableCaptionError, caption_text, originals_in
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.triggers import CONCEPT as CONCEPT_NAME
from train_tools.dataset.triggers import bears
from train_tools.workspace.names import comparable
from train_tools.workspace.settings import preview_change, read, update_sections
from train_tools.workspace.workspace import Version, names_in

MASK = "mask"
MOST_CAPTIONS = 300  # that are read to find out how all of them begin


@dataclass(frozen=True)
class Decision:
    """What becomes of the images of a folder. `kind` is one of layout's, or MASK; `name` the concept's or class's."""

    folder: str
    kind: str
    name: str
    repeats: int
    images: int
    sentence: str


@dataclass(frozen=True)
class SettingChange:
    section: str
    name: str
    value: Any
    sentence: str


@dataclass(frozen=True)
class Proposal:
    """`roles` are those of the candidates, in their order. Nothing is decided where the folders say nothing."""

    roles: tuple[Role, ...]
    decisions: tuple[Decision, ...] = ()
    changes: tuple[SettingChange, ...] = ()


def everything_as(found: Found, role: Role) -> Proposal:
    return Proposal(tuple(role for _ in found.candidates))


def propose(version: Version, found: Found, layout: Layout, forced: Role | None = None) -> Proposal:
    """`forced` is what a person says that the images are; what is no image of the set is left out all the same."""
    roles = [layout.role(candidate.image) for candidate in found.candidates]
    if forced is not None:
        roles = [role if role.kind == LEFT_OUT else forced for role in roles]
        changes = _masks(read(version)) if _has_masks(found.candidates, roles) else []
        return Proposal(tuple(roles), tuple(_told(found.candidates, roles, only=LEFT_OUT)), tuple(changes))
    if all(role.kind == OWN for role in roles) and not any(c.mask for c in found.candidates):
        return Proposal(tuple(roles))
    set_now = preview_change(version, "dataset", DatasetSettings, {})
    own = set_now.concept_of(version)
    roles = _with_one_repeats(_as_there(version, roles, own), set_now)
    changes = _changes(version, found.candidates, roles)
    own = next((str(change.value) for change in changes if change.name == "concept"), own)
    return Proposal(tuple(roles), tuple(_told(found.candidates, roles, own)), tuple(changes))


def apply_changes(version: Version, changes: Sequence[SettingChange]) -> None:
    sections: dict[str, dict[str, Any]] = defaultdict(dict)
    for change in changes:
        sections[change.section][change.name] = change.value
    if sections:
        update_sections(version, sections)


def left_out_items(found: Found, proposal: Proposal) -> list[LeftOut]:
    pairs = zip(found.candidates, proposal.roles, strict=True)
    return [LeftOut(one.image.shown, role.reason) for one, role in pairs if role.kind == LEFT_OUT]


def _with_one_repeats(roles: Sequence[Role], set_now: DatasetSettings) -> list[Role]:
    """Folders of one name are one concept, whose images are shown equally often: the mean, rounded, where nobody has
    set it.
    """
    shown: dict[tuple[str, str], list[int]] = defaultdict(list)
    for role in roles:
        shown[role.kind, role.name].append(role.repeats)
    found = {key: max(1, round(sum(counts) / len(counts))) for key, counts in shown.items()}
    for kind, name in found:
        if kind == CONCEPT and name in set_now.named_repeats():
            found[kind, name] = set_now.named_repeats()[name]
    return [replace(r, repeats=found[r.kind, r.name]) if r.kind in (CONCEPT, REG) else r for r in roles]


def _as_there(version: Version, roles: Sequence[Role], own: str) -> list[Role]:
    """A concept is spelt as the one that is there already."""
    there = {comparable(name): name for name in [*names_in(version.origin), own]}
    return [
        replace(role, name=there.get(comparable(role.name), role.name)) if role.kind == CONCEPT else role
        for role in roles
    ]


def _changes(version: Version, candidates: Sequence[Candidate], roles: Sequence[Role]) -> list[SettingChange]:
    saved = read(version)
    concepts = {role.name: role.repeats for role in roles if role.kind == CONCEPT}
    changes = []
    is_only = len(concepts) == 1 and all(role.kind != OWN for role in roles)
    if is_only and not saved["dataset"].get("concept") and not originals_in(version.origin):
        name = next(iter(concepts))
        changes.append(
            SettingChange(
                "dataset",
                "concept",
                name,
                f"the version's own concept, and so its trigger word, becomes {name!r}",
            )
        )
    changes += _repeats(version, concepts)
    if len(concepts) == 1 and saved["captioning"].get("prefix", CONCEPT_NAME) == CONCEPT_NAME:
        changes += _trigger(next(iter(concepts)), candidates, roles)
    return changes + (_masks(saved) if _has_masks(candidates, roles) else [])


def _has_masks(candidates: Sequence[Candidate], roles: Sequence[Role]) -> bool:
    """Regularisation images have none: they are trained as they lie there."""
    return any(one.mask and role.kind in (OWN, CONCEPT) for one, role in zip(candidates, roles, strict=True))


def _repeats(version: Version, concepts: Mapping[str, int]) -> list[SettingChange]:
    """Where somebody has set them already, that stays."""
    settings = preview_change(version, "dataset", DatasetSettings, {})
    there = settings.named_repeats()
    new = {name: n for name, n in concepts.items() if name not in there and n != settings.repeats}
    if not new:
        return []
    value = [*settings.concept_repeats, *(f"{name}:{repeats}" for name, repeats in new.items())]
    words = ", ".join(f"{name} {repeats}" for name, repeats in new.items())
    return [SettingChange("dataset", "concept_repeats", value, f"repeats of the concepts: {words}")]


def _trigger(concept: str, candidates: Sequence[Candidate], roles: Sequence[Role]) -> list[SettingChange]:
    """Where all captions begin with one tag that is a part of the concept's name: `zorb` of `10_zorb person`.

    Any other, as 1girl, may well be what a tagger finds first in all of them.
    """
    captioned = [
        one
        for one, role in zip(candidates, roles, strict=True)
        if role.kind == CONCEPT and (one.caption_file or one.metadata)
    ]
    firsts = [_first_tag(one) for one in captioned[:MOST_CAPTIONS]]
    if len(firsts) < 2 or len({tag.casefold() for tag in firsts}) > 1 or not firsts[0]:
        return []
    if firsts[0].casefold() == concept.casefold() or not bears(concept, [firsts[0]]):
        return []
    words = f"all captions begin with {firsts[0]!r}, so that is the trigger word"
    return [SettingChange("captioning", "prefix", firsts[0], words)]


def _first_tag(candidate: Candidate) -> str:
    """Empty where there is but one: a sentence."""
    caption, _ = caption_of(candidate)
    try:
        text = caption_text(caption.data, "") if caption else ""
    except UnreadableCaptionError:
        return ""
    first, comma, _ = text.partition("\n")[0].partition(",")
    return first.strip() if comma else ""


def _masks(saved: Mapping[str, Mapping[str, Any]]) -> list[SettingChange]:
    changes = []
    if "alpha_mask" not in saved["dataset"]:
        changes.append(
            SettingChange(
                "dataset", "alpha_mask", True, "processing keeps masks, as transparency (alpha_mask)"
            )
        )
    if "alpha_mask" not in saved["training"]:
        changes.append(
            SettingChange(
                "training",
                "alpha_mask",
                True,
                "training learns only what masks show (alpha_mask), by sd-scripts",
            )
        )
    return changes


def _told(
    candidates: Sequence[Candidate], roles: Sequence[Role], own: str = "", only: str = ""
) -> list[Decision]:
    """A decision for each folder and role, in their order."""
    words = {word for word in (own, *(role.name for role in roles if role.kind == CONCEPT)) if word}
    groups: Counter[tuple[str, Role]] = Counter()
    masks: Counter[str] = Counter()
    for one, role in zip(candidates, roles, strict=True):
        if not only or role.kind == only:
            groups[shown_folder(one.image), role] += 1
        if one.mask is not None and role.kind in (OWN, CONCEPT):
            masks[shown_folder(one.mask)] += 1
    decisions = [
        Decision(folder, role.kind, role.name, role.repeats, count, _sentence(role, count, own, words))
        for (folder, role), count in groups.items()
    ]
    return decisions + [
        Decision(folder, MASK, "", 0, count, f"{count} mask(s) of images: what is white is learned")
        for folder, count in masks.items()
    ]


def _sentence(role: Role, count: int, own: str, triggers: Collection[str]) -> str:
    if role.kind == CONCEPT:
        return f"{count} image(s) of the concept {role.name!r}, each shown {role.repeats} time(s) an epoch"
    if role.kind == REG:
        if bears(role.name, triggers):
            return (
                f"{count} regularisation image(s) of the class {role.name!r}, {role.repeats} repeat(s): that is the "
                "trigger word, which images without captions would unlearn; call the class otherwise"
            )
        return f"{count} regularisation image(s) of the class {role.name!r}, {role.repeats} repeat(s)"
    if role.kind == LEFT_OUT:
        return f"{count} image(s) left out: {role.reason}"
    return f"{count} image(s) of the version's own concept {own!r}"
