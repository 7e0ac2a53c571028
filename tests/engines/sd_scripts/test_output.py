from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_tools.engines.sd_scripts.output import Bar, Output

STREAM = (
    "preparing accelerator\n"
    "\r  0%|          | 0/4 [00:00<?, ?it/s]\r 25%|██▌       | 1/4 [00:00<00:00,  3.63it/s]\n"
    "  total optimization steps / 学習ステップ数: 24\n"
    "\rsteps:   0%|          | 0/24 [00:00<?, ?it/s]\nepoch 1/2\n"
    "\rsteps:  50%|█████     | 12/24 [00:13<00:13,  1.12s/it]"
    "\rsteps:  50%|█████     | 12/24 [00:13<00:13,  1.12s/it, avr_loss=1.07]"
    "\rvalidation steps:  50%|█████     | 2/4 [00:01<00:01,  2.00it/s, val_epoch_avg_loss=0.2]"
    "\rsteps:  54%|█████     | 13/24 [1:00:13<00:13, 12.50it/s, Average key norm=0.0123, Keys Scaled=4, avr_loss=nan]"
    "INFO     saving state at epoch 1\n"
    "saving checkpoint: /a/b.safetensors\r\n"
    "model saved."
)
LINES = [
    "preparing accelerator",
    "total optimization steps / 学習ステップ数: 24",
    "epoch 1/2",
    "INFO     saving state at epoch 1",
    "saving checkpoint: /a/b.safetensors",
    "model saved.",
]


def read(*pieces: bytes) -> tuple[list[Bar], list[str]]:
    output = Output()
    items = [item for piece in pieces for item in output.feed(piece)] + output.close()
    return [i for i in items if isinstance(i, Bar)], [i for i in items if isinstance(i, str)]


def check(bars: list[Bar], lines: list[str]) -> None:
    assert lines == LINES
    assert [(bar.step, bar.steps) for bar in bars] == [(0, 24), (12, 24), (12, 24), (13, 24)]
    assert [bar.rate for bar in bars] == [None, pytest.approx(1 / 1.12), pytest.approx(1 / 1.12), 12.5]
    assert bars[2].values == {"avr_loss": 1.07}
    assert bars[3].values["Average key norm"] == 0.0123
    assert math.isnan(bars[3].values["avr_loss"])
    assert bars[0].seconds_left is None
    assert bars[3].seconds_left == pytest.approx(11 / 12.5)


def test_bars_and_lines_are_told_apart() -> None:
    check(*read(STREAM.encode()))


@given(st.lists(st.integers(0, len(STREAM.encode())), max_size=12))
def test_it_doesnt_matter_where_the_stream_is_cut(cuts: list[int]) -> None:
    data = STREAM.encode()
    ends = sorted({0, *cuts, len(data)})
    check(*read(*(data[a:b] for a, b in itertools.pairwise(ends))))


def test_a_bar_counts_before_the_next_one_comes() -> None:
    (bar,) = Output().feed("\rsteps:  50%|█████     | 1/2 [00:13<00:13,  1.12s/it]".encode())
    assert isinstance(bar, Bar)
    assert bar.step == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    read(data)
