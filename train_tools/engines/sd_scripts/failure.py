"""How sd-scripts ended, and why without a result, in one sentence, from what it printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from train_tools.doctor.known.ending import read

FELL = 0xC0000000  # from here on Windows tells how a process fell
OF_A_DEVICE = re.compile(
    r"failed \(exitcode: (-?\d+)\) local_rank"
)  # torch's launcher, of the one that fell first
# What ended it -> what that means; the first that fits. Groups of the pattern stand in the sentence as {0}, {1}.
KNOWN: tuple[tuple[str, str], ...] = (
    (r"No data found", "sd-scripts found no images to train; look whether the dataset is processed and not empty"),
    (
        r"No xformers|xformers.*not installed|No module named 'xformers|Refer to https://github.com/facebookresearch/xformers",
        "xformers isn't installed; take the setting xformers out, or install it",
    ),
    (
        r"memory_efficient_attention",
        "xformers can't do this attention here; take the setting xformers out, sdpa=true does without",
    ),
    (
        r"No bitsandbytes|bitsandbytes.*not installed|No module named 'bitsandbytes",
        "bitsandbytes isn't installed; choose another optimizer_type",
    ),
    (
        r"No module named '([\w.]+)'",
        "the Python package {0} is missing in sd-scripts' environment; install it there, or make the environment again",
    ),
    (
        r"We couldn't connect to '([^']+)'|Can't load tokenizer for '([^']+)'|offline mode is enabled",
        "sd-scripts needs a file that isn't on this machine ({0}); go online once, or set tokenizer_cache_dir",
    ),
    (r"NaN detected in latents", "encoding an image gave no numbers (NaN); set no_half_vae, or another vae"),
)  # fmt: skip
SAID_ALONE = KNOWN[:1]  # it ends after that without an exception; what else it says so only warns


def exit_code_of_trainer(lines: Sequence[str], exit_code: int) -> int:
    """Behind a launcher of several devices, which ends with 1 whatever befell the process that trains."""
    codes = [int(found[1]) for line in lines if (found := OF_A_DEVICE.search(line))]
    return codes[0] if exit_code and codes else exit_code


def reason(lines: Sequence[str], exit_code: int) -> str:
    """`lines` are the last that it printed, without bars.

    What counts is the last exception that nothing came after; other lines only where there was none.
    """
    ending = read("\n".join(lines))
    if exit_code < 0 or exit_code >= FELL:  # ended from outside, or fallen: no exception of its own did it
        ending = replace(ending, raised=())
    last = ending.last
    for pattern, sentence in KNOWN if last else SAID_ALONE:
        for text in [last.text] if last else [line.text for line in ending.lines]:
            if found := re.search(pattern, text):
                groups = [group for group in found.groups() if group]
                return sentence.format(*groups) if groups else sentence.replace(" ({0})", "")
    if last is not None:
        first, *more = last.text.split("\n")
        behind = next((line for line in more if line.strip()), "") if first.rstrip().endswith(":") else ""
        return f"sd-scripts ended with an error: {f'{first} {behind}'.strip()}"
    said = f"; its last line: {lines[-1]}" if lines else ""
    return f"sd-scripts ended with code {exit_code} and without a result{said}"
