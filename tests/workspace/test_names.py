from __future__ import annotations

import tempfile
import unicodedata
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_tools.errors import UsageError
from train_tools.workspace.names import MAXIMUM_BYTES, RESERVED, check_name, check_new_name
from train_tools.workspace.rename import rename_project
from train_tools.workspace.trash import delete_project, restore
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
        ("a\u202egnp", "U+202E"),
        ("\u200b\u2060", "seen"),
        ("a\uffff", "no character"),
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


@pytest.mark.parametrize(
    ("existing", "name"),
    [
        ("Zorb", "zorb"),
        ("STRASSE", "straße"),
        ("é", "e\u0301"),
        ("KIZ", "kız"),
        ("ab", "a\u200bb"),
        ("Ǆ", "ǅ"),
    ],
)
def test_names_that_a_disk_takes_for_the_same(existing: str, name: str) -> None:
    with pytest.raises(UsageError, match="only in letter case"):
        check_new_name(name, "version", ["other", existing])


# Pieces that have gone wrong somewhere, beside letters of any script.
SEPARATORS = (
    "..",
    ".",
    "/",
    "\\",
    "//",
    "C:",
    " ",
    "\t",
    "\u3000",
    "\x00",
    "\x1b[0m",
    "\r\n",
    "\x85",
    "\u2028",
)
WORDS = (
    "CON",
    "nul",
    "Com1",
    "LPT¹",
    "conin$",
    ".txt",
    "~",
    "$",
    "%2e%2e",
    "-",
    "'",
    '"',
    "\u202e",
    "\u200d",
)
CASES = ("İ", "ı", "I", "i", "ß", "SS", "ſ", "\u212a", "K", "é", "e\u0301", "ς", "Σ", "ﬁ", "ǅ", "µ", "\ufeff")
SCRIPTS = ("\udc80", "\uffff", "训", "練", "한", "ท", "ع", "👩\u200d🎨", "x" * 60, "训" * 39)
PIECES = st.one_of(st.text(max_size=4), st.sampled_from([*SEPARATORS, *WORDS, *CASES, *SCRIPTS]))
NAMES = st.lists(PIECES, max_size=4).map("".join)


def shapes(name: str) -> list[str]:
    """What disks make of a name before they compare it: NTFS, APFS, HFS+, ext4 with casefold, exFAT."""
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    one_by_one = ["".join(c.upper() if len(c.upper()) == 1 else c for c in form) for form in [name, *forms]]
    return [name, name.upper(), name.lower(), *forms, *(f.casefold() for f in forms), *one_by_one]


@settings(max_examples=300, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=8))
def test_a_name_is_accepted_and_works_everywhere_or_changes_nothing(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "outputs")
        workspace.create_project("all")
        parent = workspace.project("all").versions_folder
        accepted: list[str] = []
        for name in names:
            before = everything(Path(folder))
            try:
                version = workspace.create_version("all", name)
            except UsageError as error:
                assert len(str(error)) > 20
                assert str(error).isprintable()
                assert everything(Path(folder)) == before
                continue
            assert version.folder.parent == parent
            assert version.folder.name == name
            assert parent.resolve() == version.folder.resolve().parent
            assert [shape for other in accepted for shape in set(shapes(name)) & set(shapes(other))] == []
            accepted.append(name)
            assert sorted(v.name for v in workspace.versions("all")) == sorted(accepted)
            assert workspace.version("all", name).folder == version.folder
            assert PureWindowsPath("C:/x", name).name == name
            assert name.partition(".")[0].rstrip().upper() not in RESERVED
            assert name == name.rstrip(". ")
            assert len(name.encode("utf-8")) <= MAXIMUM_BYTES


@settings(max_examples=100, deadline=None)
@given(name=NAMES)
def test_renaming_takes_the_same_names(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "outputs")
        workspace.create_project("zorb")
        before = everything(Path(folder))
        try:
            rename_project(workspace, "zorb", name)
        except UsageError:
            assert everything(Path(folder)) == before
        else:
            assert [project.name for project in workspace.projects()] == [name]
            trashed = delete_project(workspace, name)
            assert trashed.parent == workspace.trash
            assert restore(workspace, name).name == name


def everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}
