"""Models and LoRAs come from anywhere: whatever a file's head holds, it is told what it is or why it isn't anything."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from train_tools.errors import TrainToolsError
from train_tools.families.detect import detect
from train_tools.lora.facts import lora_facts
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.imports.lora_metadata import from_lora

NAMES = (
    "lora_unet_input_blocks_1_1_proj_in.lora_down.weight", "model.diffusion_model.input_blocks.0.0.weight",
    "double_blocks.0.img_attn.qkv.weight", "first_stage_model.decoder.conv_in.weight", "lora_te_x.alpha", "", "猫",
    "cond_stage_model.transformer.text_model.embeddings.position_ids", "joint_blocks.0.x_block.attn.qkv.weight",
)  # fmt: skip
KEYS = (
    "ss_network_module", "ss_network_dim", "ss_base_model_version", "ss_tag_frequency", "ss_dataset_dirs", "ss_steps",
    "ss_network_args", "ss_learning_rate", "ss_training_started_at", "modelspec.architecture", "ss_bucket_info",
    "v_pred",
)  # fmt: skip
texts = st.one_of(
    st.sampled_from(
        ["networks.lora", "lycoris.kohya", "sdxl_base_v1-0", "{}", "[", "[[[]]]", "1e999", "NaN", "None"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
)
numbers = st.one_of(st.integers(-3, 4), st.integers(), st.floats(), texts, st.none())
entries = st.one_of(
    st.fixed_dictionaries({
        "dtype": st.one_of(st.sampled_from(["F32", "BF16", "F8_E4M3", "X"]), numbers),
        "shape": st.one_of(st.lists(numbers, max_size=5), numbers),
        "data_offsets": st.one_of(st.lists(numbers, max_size=3), numbers),
    }),
    numbers,
)  # fmt: skip
metadata = st.dictionaries(st.one_of(st.sampled_from(KEYS), texts), texts, max_size=6)
heads = st.fixed_dictionaries(
    {}, optional={"__metadata__": st.one_of(metadata, numbers, st.dictionaries(texts, numbers, max_size=3))}
)
bodies = st.dictionaries(st.one_of(st.sampled_from(NAMES), texts), entries, max_size=4)


def safetensors(head: Any, data: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + data


def look(path: Path) -> None:
    """All that reads the head of a file that a person chooses."""
    detect(path)
    try:
        found = read_header(path)
    except TrainToolsError:
        return
    said(found.metadata, list(found.tensors))


def said(metadata: dict[str, str], tensors: list[str]) -> None:
    lora_facts(metadata)
    try:
        from_lora(metadata, tensors)
    except TrainToolsError as error:
        assert str(error)


def try_heads(folder: Path, examples: int) -> None:
    file = folder / "a.safetensors"
    quietly = settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )

    @quietly
    @given(heads, bodies, st.binary(max_size=20))
    def made(head: dict[str, Any], body: dict[str, Any], data: bytes) -> None:
        file.write_bytes(safetensors({**body, **head}, data))
        look(file)

    @quietly
    @given(st.binary(max_size=60), st.booleans())
    def any_bytes(data: bytes, as_head: bool) -> None:
        file.write_bytes(safetensors(data) if as_head else data)
        look(file)

    @quietly
    @given(metadata, st.lists(st.one_of(st.sampled_from(NAMES), texts), max_size=3))
    def of_loras(given: dict[str, str], tensors: list[str]) -> None:
        said(given, tensors)

    made()
    any_bytes()
    of_loras()


def try_pickles(folder: Path, examples: int) -> None:
    buffer = io.BytesIO()
    torch.save({"state_dict": {name: torch.zeros(2, 2) for name in NAMES}, "epoch": 1}, buffer)
    whole = buffer.getvalue()
    file = folder / "a.ckpt"

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=6),
        st.integers(0, 3),
    )
    def changed(changes: list[tuple[int, int]], cut: int) -> None:
        data = bytearray(whole)
        for place, byte in changes:
            data[place] = byte
        file.write_bytes(data[: len(data) - cut * 100])
        detect(file)

    changed()


def test_any_head_is_told(tmp_path: Path) -> None:
    try_heads(tmp_path, 60)
    try_pickles(tmp_path, 60)


@pytest.mark.parametrize(
    "head",
    [
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"a": {"shape": [1e999], "data_offsets": [0, 0], "dtype": "F32"}}',
    ],
)
def test_a_head_that_could_break_readers(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(safetensors(head))
    look(tmp_path / "a.safetensors")


@pytest.mark.thorough
def test_any_head_is_told_at_length(tmp_path: Path) -> None:
    try_heads(tmp_path, 3000)
    try_pickles(tmp_path, 3000)
