"""What is written down is read back: values as text and as TOML, a plan's run files as plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from execution.fake_engine import make_version, settings
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from train_tools.arguments.argument import Argument
from train_tools.arguments.table import ARGUMENTS, KNOWN
from train_tools.arguments.values import parse_values
from train_tools.planning.defaults import complete, defaults_for, written
from train_tools.planning.plan import make_plan
from train_tools.workspace import toml

SETTABLE = {name: argument for name, argument in KNOWN.items() if name in ARGUMENTS}
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


def value_of(argument: Argument) -> st.SearchStrategy[Any]:
    """Values that an argument may have."""
    low, high = argument.minimum, argument.maximum
    top = 10**6 if high is None else high
    if argument.choices:
        return st.sampled_from(argument.choices)
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "bool": st.booleans(),
        "int": st.integers(int(low or 0), int(top)),
        "float": st.floats(low or 0, top, allow_nan=False, allow_subnormal=False),
        "int_or_ratio": st.one_of(st.integers(0, 10**6), st.floats(0.01, 0.99)),
        "size": st.tuples(st.integers(8, 4096), st.integers(8, 4096)).map(lambda wh: f"{wh[0]},{wh[1]}"),
        "list": st.lists(WORDS.map(lambda word: f"name={word}"), min_size=1, max_size=3),
        "str": WORDS.filter(lambda text: text.lower() != "none"),
    }
    return kinds[argument.kind]


def as_text(argument: Argument, value: Any) -> str:
    """How a person would write one value so that nothing in it is taken for syntax."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join('"' + word.replace('"', '""') + '"' for word in value)
    if argument.kind == "str" and not argument.choices:
        return '"' + value.replace('"', '""') + '"'
    return str(value)


ANY_VALUE = st.sampled_from(list(SETTABLE.values())).flatmap(
    lambda argument: st.tuples(st.just(argument), value_of(argument))
)


@given(ANY_VALUE)
@examples(max_examples=400, deadline=None)
def test_a_value_is_read_from_text_and_from_types_alike(case: tuple[Argument, Any]) -> None:
    argument, value = case
    if argument.kind != "str":  # a text is always read as a person's
        assert parse_values(argument, value) == [value]
    assert parse_values(argument, as_text(argument, value)) == [value]


@given(st.lists(ANY_VALUE, max_size=12))
@examples(max_examples=100, deadline=None)
def test_a_run_file_says_everything(cases: list[tuple[Argument, Any]]) -> None:
    values = {argument.name: value for argument, value in cases if not argument.is_path}
    defaults = defaults_for("/models/base.safetensors")
    whole = complete(values, defaults)
    read = toml.loads(toml.dumps(written(whole)))
    # What isn't written is at sd-scripts' default.
    plain = {name: argument.sd_default for name, argument in SETTABLE.items()}
    assert {**plain, **read} == whole


def test_a_run_file_as_settings_means_the_same_run(tmp_path: Path) -> None:
    version = make_version(tmp_path)
    plan = make_plan(
        version, settings(tmp_path, optimizer_type="Lion,AdamW", network_dim="4,8", unet_lr="none")
    )
    for run in plan.runs:
        again = toml.loads(toml.dumps(dict(run.arguments)))
        given_back = {name: value for name, value in again.items() if name in SETTABLE}
        (same,) = make_plan(version, given_back).runs
        assert (same.digest, same.name) == (run.digest, run.name)
