from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from execution.fake_engine import write_safetensors
from safetensors.torch import save_file

from train_tools.errors import TrainToolsError
from train_tools.execution.events import EventReader
from train_tools.execution.verify import problems
from train_tools.lora.finite import not_finite
from train_tools.lora.safetensors_header import read_header


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_arent_finite_are_found_in_every_format(
    tmp_path: Path, dtype: torch.dtype, value: float
) -> None:
    bad = torch.ones(3, 5, dtype=dtype)
    bad[1, 2] = value
    largest = torch.full((2, 2), torch.finfo(dtype).max, dtype=dtype)
    path = tmp_path / "a.safetensors"
    save_file({"good": largest, "bad": bad, "whole": torch.ones(2, dtype=torch.int64)}, path)
    assert not_finite(path, read_header(path)) == ["bad"]


def test_every_cut_of_a_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"x": (4,), "y": (2, 2)}, {"ss_steps": "7"})
    whole = path.read_bytes()
    assert problems(tmp_path, ["a.safetensors"], 7) == []
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(TrainToolsError, match=r"a\.safetensors"):
            read_header(path)
    path.write_bytes(whole + b"\0")
    assert problems(tmp_path, ["a.safetensors"], 7) != []


def test_only_the_last_checkpoint_must_have_all_steps(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a-000001.safetensors", {"x": (4,)}, {"ss_steps": "5"})
    write_safetensors(tmp_path / "a.safetensors", {"x": (4,)}, {"ss_steps": "10"})
    names = ["a-000001.safetensors", "a.safetensors"]
    assert problems(tmp_path, names, 10) == []
    assert "planned were 11" in problems(tmp_path, names, 11)[0]


def test_the_reader_of_heads_agrees_with_the_format_s_own(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.arange(6.0).reshape(2, 3), "empty": torch.zeros(0, 4)}, path, {"who": "我"})
    header = read_header(path)
    assert header.metadata == {"who": "我"}
    place = header.tensors["a"]
    data = np.frombuffer(path.read_bytes()[place.begin : place.end], "<f4")
    assert data.tolist() == [0, 1, 2, 3, 4, 5]
    assert header.tensors["empty"].shape == (0, 4)


def test_events_are_read_whole_however_they_are_written(tmp_path: Path) -> None:
    reader = EventReader(tmp_path)
    assert reader.read() == []
    with (tmp_path / "events.jsonl").open("ab") as file:
        text = '{"event": "warning", "text": "慢"}\n'.encode()
        file.write(text[:30])  # in the middle of a character
        file.flush()
        assert reader.read() == []
        file.write(text[30:] + b"not json\n[1]\n" + b'{"event": "fin')
        file.flush()
        assert reader.read() == [{"event": "warning", "text": "慢"}]
        file.write(b'ished"}\n')
        file.flush()
        assert reader.read() == [{"event": "finished"}]
        assert reader.read() == []
