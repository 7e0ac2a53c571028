"""`lora info FILE`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from train_tools.lora.tools.interface import NOTHING, Done, Given, Input, Tool, Watch
from train_tools.workspace.fields import setting

if TYPE_CHECKING:
    from train_tools.lora.tools.info import Info

FACTS = (
    ("title", "title"), ("base_model", "base model"), ("network", "network module"), ("epochs", "epochs"),
    ("steps", "steps"), ("images", "images"), ("resolution", "resolution"), ("learning_rate", "learning rate"),
    ("optimizer", "optimizer"), ("scheduler", "schedule"), ("trigger", "trigger words"),
)  # fmt: skip
MOST_TAGS = 20


@dataclass(frozen=True)
class InfoSettings:
    norms: bool = setting(
        False, help="How much each block changes the base model.", zh="各层块对底模的改动量（范数）。"
    )
    all: bool = setting(False, help="Each block, and all metadata.", zh="列出每个层块和全部元数据。")
    no_hashes: bool = setting(
        False,
        help="Read the file's head alone: no hashes, and no look for numbers that aren't finite.",
        zh="只读文件头：不计算哈希，也不检查 NaN 等异常数值。",
    )


def work(given: Given, settings: InfoSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.info import info

    found = info(given.path("file"), watch, hashed=not settings.no_hashes, norms=settings.norms)
    return Done((), document(found), tuple(lines(found, everything=settings.all)), tuple(notes(found)))


def document(found: Info) -> dict[str, Any]:
    """As JSON can hold it."""
    hashes = found.hashes
    return {
        "file": str(found.path),
        "bytes": found.bytes,
        "family": found.family.name if found.family else "",
        "family_title": found.family.title if found.family else "",
        "form": found.form,
        "kinds": found.kinds,
        "is_dora": found.is_dora,
        "parts": found.parts,
        "precisions": found.precisions,
        "ranks": counts(found.ranks),
        "alphas": counts(found.alphas),
        "norm": found.norm,
        "blocks": [
            {**asdict(block), "ranks": counts(block.ranks), "alphas": counts(block.alphas)}
            for block in found.blocks
        ],
        "facts": asdict(found.facts),
        "metadata": found.metadata,
        "others": found.others,
        "hashes": {**asdict(hashes), "autov2": hashes.autov2, "autov3": hashes.autov3} if hashes else None,
        "not_finite": found.not_finite,
    }


def counts(found: Mapping[Any, int]) -> list[list[Any]]:
    """Pairs, as JSON's names are texts: `null` for what has none."""
    return [[value, count] for value, count in found.items()]


def lines(found: Info, *, everything: bool) -> list[str]:
    family = found.family.title if found.family else found.facts.family or "unknown"
    kinds = ", ".join(f"{title} ({count} layers)" for title, count in found.kinds.items())
    said = {
        "family": family,
        "kind": kinds + (", with DoRA" if found.is_dora else ""),
        "rank": _counted(found.ranks, "no rank"),
        "alpha": _counted(found.alphas, "as the rank"),
        "trained": ", ".join(f"{_part(part)} ({count})" for part, count in found.parts.items()),
        "keys": f"{found.form}'s",
        "precision": ", ".join(f"{dtype} ({count})" for dtype, count in found.precisions.items()),
        "norm": "" if found.norm is None else f"{found.norm:.4g}",
        **{label: getattr(found.facts, name) for name, label in FACTS},
        "tags": ", ".join(f"{tag} ({count})" for tag, count in found.facts.tags[:MOST_TAGS]),
    }
    if found.hashes:
        said |= {
            "SHA-256": found.hashes.sha256,
            "AutoV2": found.hashes.autov2,
            "AutoV3": found.hashes.autov3,
            "addnet": found.hashes.addnet,
        }
    shown = [f"{found.path.name}, {found.bytes / 1e6:,.1f} MB"]
    shown += [f"  {label:<15} {value}" for label, value in said.items() if value]
    return shown + (_everything(found) if everything else [])


def _everything(found: Info) -> list[str]:
    shown = ["", "block                                    layers  rank          alpha         norm"]
    for block in found.blocks:
        norm = "" if block.norm is None else f"{block.norm:.4g}"
        ranks, alphas = _counted(block.ranks, "-"), _counted(block.alphas, "-")
        name = block.name if block.part == "unet" else f"{block.part}: {block.name}"
        shown.append(f"{name:<40} {block.layers:>6}  {ranks:<13} {alphas:<13} {norm}".rstrip())
    return [*shown, "", *(f"{name}: {value}" for name, value in found.metadata.items())]


def _part(part: str) -> str:
    from train_tools.lora.tools.info import PARTS

    return PARTS[part]


def _counted(found: Mapping[Any, int], none: str) -> str:
    """`16, 8 (12 layers)`: the commonest alone, others with how many."""
    texts = [none if value is None else f"{value:g}" for value in found]
    rest = [f"{text} ({count} layers)" for text, count in list(zip(texts, found.values(), strict=True))[1:]]
    return ", ".join([*texts[:1], *rest])


def notes(found: Info) -> list[str]:
    said = []
    if found.path.suffix.lower() != ".safetensors":
        said.append(
            f"it is a safetensors file that is called {found.path.suffix}; webuis go by the ending: rename it"
        )
    if found.not_finite:
        said.append(
            f"{len(found.not_finite)} of its tensors hold numbers that aren't finite: it draws black or noise"
        )
    if found.others:
        said.append(f"{len(found.others)} of its tensors are no LoRA's, for example {found.others[0]}")
    said_hash = found.metadata.get("sshs_model_hash", "")
    if found.hashes and said_hash and said_hash != found.hashes.tensors:
        said.append(
            "its sshs_model_hash isn't that of its tensors: it was changed by a program that didn't say so"
        )
    return said


TOOL = Tool(
    "info",
    "what a LoRA file is: family, kind, ranks, tags, hashes",
    (Input("file"),),
    InfoSettings,
    work,
    NOTHING,
)
