"""Why sd-scripts ended: the last error counts, and what only warned doesn't."""

from __future__ import annotations

import pytest

from train_tools.engines.sd_scripts.failure import reason

HARMLESS = [
    "Failed to load CPU gemm_4bit_forward from kernels-community: No module named 'kernels'. Please install it",
    "A matching Triton is not available, some optimizations will not be enabled",
    "Traceback (most recent call last):",
    '  File "/venv/xformers/__init__.py", line 57, in _is_triton_available',
    "    import triton  # noqa",
    "ModuleNotFoundError: No module named 'triton'",
    "WARNING  bitsandbytes is not installed; offline mode is enabled",
    "INFO     prepare tokenizer",
]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["KeyError: 'ia3'"], "sd-scripts ended with an error: KeyError: 'ia3'"),
        (
            ["AssertionError: block_dims must have 25 elements but 3 are given"],
            "sd-scripts ended with an error: AssertionError: block_dims must have 25 elements but 3 are given",
        ),
        (
            ["zipfile.BadZipFile: Bad CRC-32 for file 'latents.npy'"],
            "sd-scripts ended with an error: zipfile.BadZipFile: Bad CRC-32 for file 'latents.npy'",
        ),
        (
            ["ImportError: No xformers / xformersがインストールされていないようです"],
            "xformers isn't installed; take the setting xformers out, or install it",
        ),
        (
            ["ModuleNotFoundError: No module named 'deepspeed'"],
            (
                "the Python package deepspeed is missing in sd-scripts' environment; install it there, or make the "
                "environment again"
            ),
        ),
        (
            ["ERROR    No data found. Please verify arguments"],
            "sd-scripts found no images to train; look whether the dataset is processed and not empty",
        ),
        (
            [
                "RuntimeError: Error(s) in loading state_dict for UNet2DConditionModel:",
                "\tsize mismatch for conv_in.weight",
                "subprocess.CalledProcessError: Command '['python']' returned non-zero exit status 1.",
            ],
            (
                "sd-scripts ended with an error: RuntimeError: Error(s) in loading state_dict for "
                "UNet2DConditionModel: size mismatch for conv_in.weight"
            ),
        ),
    ],
)
def test_the_last_error_counts(lines: list[str], sentence: str) -> None:
    assert reason(lines, 1) == sentence
    assert reason([*HARMLESS, *lines], 1) == sentence


def test_a_process_that_was_ended_blames_no_line() -> None:
    assert reason([*HARMLESS, "Killed"], -9) == (
        "sd-scripts ended with code -9 and without a result; its last line: Killed"
    )
    assert reason(HARMLESS[:-1], 3221225477).startswith("sd-scripts ended with code 3221225477")
