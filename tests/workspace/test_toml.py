from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_tools.errors import UsageError
from train_tools.workspace import toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
TABLE = st.dictionaries(TEXT, PLAIN | st.lists(PLAIN, max_size=3), max_size=4)


@given(
    st.dictionaries(
        TEXT, TABLE | PLAIN | st.lists(TABLE, max_size=2) | st.dictionaries(TEXT, TABLE, max_size=2)
    )
)
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    assert toml.loads(toml.dumps(data)) == data


def test_none_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="vae"):
        toml.dumps({"vae": None})


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "version.toml").write_text("[dataset\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"version\.toml"):
        toml.load(tmp_path / "version.toml")
