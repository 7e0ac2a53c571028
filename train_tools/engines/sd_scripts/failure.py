"""How sd-scripts ended, and why without a result, in one sentence, from what it printed."""

from __future__ import annotations

import re
from collections.abc import Sequence

EXCEPTION = re.compile(r"((?:\w+\.)*\w*(?:Error|Exception|Interrupt|NotFound|StopIteration))(?::\s*(.*))?$")
OF_LAUNCHERS = ("ChildFailedError", "CalledProcessError")  # accelerate's, behind the script's own
OF_A_DEVICE = re.compile(
    r"failed \(exitcode: (-?\d+)\) local_rank"
)  # torch's launcher, of the one that fell first
# What it prints -> what that means; the first that fits. Groups of the pattern stand in the sentence as {0}, {1}.
KNOWN: tuple[tuple[str, str], ...] = (
    (r"No data found", "sd-scripts found no images to train; look whether the dataset is processed and not empty"),
    (
        r"No module named '?([\w.]+)'?",
        "the Python package {0} is missing in sd-scripts' environment; install it there, or make the environment again",
    ),
    (r"No xformers|xformers.*not installed", "xformers isn't installed; take the setting xformers out, or install it"),
    (r"No bitsandbytes|bitsandbytes.*not installed", "bitsandbytes isn't installed; choose another optimizer_type"),
    (
        r"We couldn't connect to '([^']+)'|Can't load tokenizer for '([^']+)'|offline mode is enabled",
        "sd-scripts needs a file that isn't on this machine ({0}); go online once, or set tokenizer_cache_dir",
    ),
    (r"NaN detected in latents", "encoding an image gave no numbers (NaN); set no_half_vae, or another vae"),
)  # fmt: skip


def exit_code_of_trainer(lines: Sequence[str], exit_code: int) -> int:
    """Behind a launcher of several devices, which ends with 1 whatever befell the process that trains."""
    codes = [int(found[1]) for line in lines if (found := OF_A_DEVICE.search(line))]
    return codes[0] if exit_code and codes else exit_code


def reason(lines: Sequence[str], exit_code: int) -> str:
    """`lines` are the last that it printed, without bars."""
    text = "\n".join(lines)
    for pattern, sentence in KNOWN:
        if found := re.search(pattern, text):
            groups = [group for group in found.groups() if group]
            return sentence.format(*groups) if groups else sentence.replace(" ({0})", "")
    for number, line in reversed(list(enumerate(lines))):
        if (found := EXCEPTION.search(line)) and not found[1].endswith(OF_LAUNCHERS):
            more = lines[number + 1 : number + 2] if line.endswith(":") else []
            return " ".join([f"sd-scripts ended with an error: {found[0]}", *more])
    said = f"; its last line: {lines[-1]}" if lines else ""
    return f"sd-scripts ended with code {exit_code} and without a result{said}"
