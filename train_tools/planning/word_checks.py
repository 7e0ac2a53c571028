"""Checks of arguments that hold words, name=value: sd-scripts reads them after the models were loaded, and ends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from train_tools.arguments.network_args import (
    ALGORITHMS,
    BY_BLOCK,
    LYCORIS,
    NUMBERS,
    PRESETS,
    READ,
    WHOLE,
)
from train_tools.arguments.values import times_of_a_face
from train_tools.errors import UsageError
from train_tools.lora.presets import PRESETS as BLOCKS
from train_tools.planning.facts import SD_SCRIPTS, Facts, Said, check

LISTS = ("network_args", "optimizer_args", "lr_scheduler_args")
PYTHON = ("optimizer_args", "lr_scheduler_args")  # their values are read as Python's
DYLORA = "networks.dylora"
LEAVE_OUT = "write name=value with blanks between, or leave it empty"
IN_PYTHON = {"true": "True", "false": "False", "none": "None", "null": "None"}


@check("words", LEAVE_OUT, SD_SCRIPTS, "error")
def words(run: Facts) -> list[Said]:
    return [said for name in LISTS for word in run[name] or () for said in _of_word(name, str(word))]


def _of_word(name: str, word: str) -> Iterator[Said]:
    key, equals, value = word.partition("=")
    if not equals or not key.strip():
        yield Said(f"{name} holds {word!r}, which is no name=value", LEAVE_OUT)
    elif value.rstrip().endswith(",") or key.startswith(","):
        yield Said(
            f"{name} holds {word!r}: words are separated by blanks, not by commas", "take the comma out"
        )
    elif "=" in value or ",," in value:
        yield Said(f"{name} holds {word!r}, in which two words run into each other", LEAVE_OUT)
    elif not value.strip():
        yield Said(f"{name} holds {word!r}, which has no value", LEAVE_OUT)
    elif name in PYTHON and not _is_python(value):
        better = IN_PYTHON.get(value.strip().lower())
        fix = f"write {key}={better}" if better else "write a number, True, False, or text in quotes"
        yield Said(f"{name} holds {word!r}, whose value is none of Python's", fix)


def _is_python(value: str) -> bool:
    try:
        ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _network_words(run: Facts) -> dict[str, str]:
    """Those that are a name and a value."""
    parted = [str(word).partition("=") for word in run["network_args"] or ()]
    return {key.strip(): value.strip() for key, equals, value in parted if equals}


@check("network-words", "", SD_SCRIPTS, "error")
def network_words(run: Facts) -> list[Said]:
    said = []
    for key, value in _network_words(run).items():
        if key in NUMBERS and not _is_number(value, whole=key in WHOLE):
            kind = "a whole number" if key in WHOLE else "a number"
            said.append(Said(f"network_args {key}={value}: it must be {kind}", f"write {kind}"))
        elif wrong := _wrong_count(run, key, value):
            said.append(wrong)
    return said


def _is_number(value: str, *, whole: bool) -> bool:
    try:
        int(value) if whole else float(value)
    except ValueError:
        return False
    return True


def _wrong_count(run: Facts, key: str, value: str) -> Said | None:
    """Lists of blocks; a word stands for a curve over them."""
    wanted = run.base.family.network.block_counts.get(key) if run.base.family else None
    if wanted is None or run["network_module"] not in BY_BLOCK:
        return None
    if not value[:1].isdigit() and key.endswith("_lr_weight"):
        return None
    count = len(value.split(","))
    if count == wanted:
        return None
    return Said(f"network_args {key} holds {count} number(s), and the base model has {wanted} such blocks",
                f"write {wanted} numbers with commas between")  # fmt: skip


@check("network-words-unread", "mend the name, or leave it out", SD_SCRIPTS)
def network_words_unread(run: Facts) -> str | None:
    known = READ.get(str(run["network_module"]))
    if known is None:
        return None
    unread = [key for key in _network_words(run) if key not in known]
    return f"{run['network_module']} doesn't read {', '.join(unread)} from network_args" if unread else None


@check("algorithm", f"take one of {', '.join(ALGORITHMS)}", "lycoris-lora 3.2", "error")
def algorithm(run: Facts) -> str | None:
    found = _network_words(run).get("algo")
    if run["network_module"] != LYCORIS or found is None or found.lower() in ALGORITHMS:
        return None
    return f"LyCORIS has no algorithm {found}"


@check(
    "lycoris-preset", f"take one of {', '.join(PRESETS)}, or a TOML file's path", "lycoris-lora 3.2", "error"
)
def lycoris_preset(run: Facts) -> str | None:
    found = _network_words(run).get("preset")
    if run["network_module"] != LYCORIS or found is None or found in PRESETS or Path(found).is_file():
        return None
    return f"LyCORIS has no preset {found}"


@check("lycoris-finds-nothing", "", "lycoris-lora 3.2", "error")
def lycoris_finds_nothing(run: Facts) -> Said | None:
    """sd-scripts would say that the optimizer got an empty list, after it has loaded and cached all."""
    family = run.base.family
    if run["network_module"] != LYCORIS or family is None or not family.network.classes:
        return None
    classes, name = family.network.classes, _network_words(run).get("preset", "full")
    trains_texts = family.network.trains_texts and not run["network_train_unet_only"]
    if name not in BLOCKS or BLOCKS[name].finds(classes, texts=trains_texts):
        return None
    return Said(
        f"LyCORIS' preset {name} finds no layer of {family.title} to train",
        f"set network_module {family.training.network_modules[0]}, or preset to a TOML file that holds "
        f'unet_target_module = ["{classes[0]}"]',
    )


@check(
    "dylora-of-two-texts",
    "set network_train_unet_only true, or network_module networks.lora",
    SD_SCRIPTS,
    "error",
)
def dylora_of_two_texts(run: Facts) -> str | None:
    """Both encoders' layers are trained, and the file holds one's."""
    family = run.base.family
    if run["network_module"] != DYLORA or family is None or run["network_train_unet_only"]:
        return None
    if family.network.text_encoders == 1:
        return None
    return f"{DYLORA} gives the layers of {family.title}'s text encoders the same names, and saves the last one's alone"


@check("words-of-lycoris", "set network_module lycoris.kohya", SD_SCRIPTS)
def words_of_lycoris(run: Facts) -> str | None:
    if "algo" in _network_words(run) and str(run["network_module"]).startswith("networks."):
        return f"network_args names an algorithm of LyCORIS, and network_module is {run['network_module']}"
    return None


@check("face-range", "write two numbers, as 2.0,4.0", SD_SCRIPTS, "error")
def face_range(run: Facts) -> str | None:
    try:
        times_of_a_face(str(run["face_crop_aug_range"] or "1,1"))
    except UsageError as error:
        return str(error)
    return None
