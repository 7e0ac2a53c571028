from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_tools.errors import UsageError
from train_tools.workspace.names import MAXIMUM_BYTES, check_name, check_new_name
from train_tools.workspace.trash import delete_project
from train_tools.workspace.workspace import Workspace


@pytest.mark.parametrize(
    "name", ["v1", "训练 一", "Ünïcode", "a.b", "a..b", "zorb-2 (new)", "コンソール", "console", "x" * 120]
)
def test_any_script_is_welcome(name: str) -> None:
    assert check_name(name, "project") == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("a/b", "path separator"),
        ("a\\b", "path separator"),
        ("..", "folders"),
        (".", "folders"),
        (".hidden", "starts with a dot"),
        ("a\x00b", "U+0000"),
        ("a\nb", "U+000A"),
        ("a\x7f", "U+007F"),
        ("a\udcff", "U+DCFF"),
        ("CON", "device"),
        ("nul.txt", "device"),
        ("Com1.tar.gz", "device"),
        ("LPT³", "device"),
        ("a.", "ends with"),
        ("a ", "ends with"),
        (" a", "starts with a blank"),
        ("what?", "holds ?"),
        ("a:b", "holds :"),
        ("x" * 121, "121 bytes"),
        ("训" * 41, "123 bytes"),
    ],
)
def test_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match="project name") as error:
        check_name(name, "project")
    assert reason in str(error.value)


@pytest.mark.parametrize(("existing", "name"), [("Zorb", "zorb"), ("STRASSE", "straße"), ("é", "e\u0301")])
def test_names_that_a_disk_takes_for_the_same(existing: str, name: str) -> None:
    with pytest.raises(UsageError, match="only in letter case"):
        check_new_name(name, "version", ["other", existing])


@given(st.text(max_size=130))
def test_an_accepted_name_is_one_folder_under_its_parent_everywhere(name: str) -> None:
    try:
        check_name(name, "project")
    except UsageError:
        return
    parent = Path("/root/projects")
    assert (parent / name).parent == parent
    assert (parent / name).name == name
    assert not set(name) & set('<>:"|?*/\\')
    assert not any(unicodedata.category(c).startswith("Cc") for c in name)
    assert len(name.encode("utf-8")) <= MAXIMUM_BYTES
    assert name == name.rstrip(". ").lstrip()


@given(name=st.text(st.sampled_from("aA.é/\\ 训\x00:nulNUL"), max_size=8))
def test_whatever_the_name_nothing_is_made_outside_the_projects(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("root", numbered=True)
    workspace = Workspace(root / "outputs")
    try:
        project = workspace.create_project(name)
    except UsageError:
        assert not list(workspace.projects_folder.glob("*"))
    else:
        assert project.folder.parent == workspace.projects_folder
        assert [p.name for p in workspace.projects()] == [name]
        delete_project(workspace, name)
        assert workspace.projects() == []
    assert {path.name for path in root.iterdir()} <= {"outputs"}
