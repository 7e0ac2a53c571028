"""What is exported comes back the same; a bad zip is refused with a reason and changes nothing."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workspace.samples import add_run, contents, put

from train_tools.dataset import revision
from train_tools.errors import TrainToolsError, UsageError
from train_tools.tags import journal
from train_tools.workspace import settings as version_settings
from train_tools.workspace import unpack
from train_tools.workspace.archive import DATA, MANIFEST, export_project, export_version
from train_tools.workspace.portable import Portable
from train_tools.workspace.run_folder import process_start, read_arguments
from train_tools.workspace.unpack import import_project, import_version
from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def there(tmp_path: Path) -> Workspace:
    """Another computer's workspace."""
    workspace = Workspace(tmp_path / "there")
    workspace.create_project("zorb")
    return workspace


def exported(version: Version, name: str = "v.zip") -> Path:
    file = version.folder.parents[5] / name
    export_version(version, file, with_runs=True, with_originals=True)
    return file


def test_a_version_comes_back_the_same(full: Version, there: Workspace) -> None:
    done = import_version(there, "zorb", exported(full))
    copy = there.version("zorb", "v1")
    assert (done.name, done.folder) == ("v1", copy.folder)
    assert contents(copy.folder) == contents(full.folder)
    arguments = read_arguments(copy.trains / "base-bs-1")
    assert arguments["train_data_dir"] == str(copy.processed.absolute())


def test_a_project_comes_back_the_same(
    workspace: Workspace, full: Version, there: Workspace, tmp_path: Path
) -> None:
    workspace.create_version("zorb", "空")
    file = tmp_path / "p.zip"
    export_project(workspace, workspace.project("zorb"), file, with_runs=True, with_originals=True)
    assert import_project(there, file).name == "zorb-2"
    assert [version.name for version in there.versions("zorb-2")] == ["v1", "空"]
    copy = there.version("zorb-2", "v1")
    assert contents(copy.folder / "dataset") == contents(full.folder / "dataset")
    assert version_settings.read(copy)["dataset"]["concept"] == "zorb"


def test_parts_may_stay_at_home(full: Version, there: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "small.zip"
    export_version(full, file, with_runs=False, with_originals=False)
    copy = there.version("zorb", import_version(there, "zorb", file).name)
    assert list(copy.origin.iterdir()) == list(copy.trains.iterdir()) == []
    assert contents(copy.processed) == contents(full.processed)


def test_equal_content_makes_equal_zips(full: Version) -> None:
    first, second = exported(full, "1.zip"), exported(full, "2.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert f"{DATA}dataset/origin/图.png" in archive.namelist()
        assert archive.testzip() is None


def test_a_taken_name(full: Version, there: Workspace) -> None:
    file = exported(full)
    assert [import_version(there, "zorb", file).name for _ in range(3)] == ["v1", "v1-2", "v1-3"]
    assert import_version(there, "zorb", file, name="mine").name == "mine"
    for name in ("mine", "MINE", "a/b", ".."):
        with pytest.raises(UsageError):
            import_version(there, "zorb", file, name=name)
    with pytest.raises(UsageError, match="exists already"):
        export_version(full, file, with_runs=True, with_originals=True)
    with pytest.raises(UsageError, match="import it with `version import`"):
        import_project(there, file)


def test_what_is_left_out_is_named(full: Version, tmp_path: Path) -> None:
    add_run(full, "now", "running", pid=os.getpid(), process_started=process_start(os.getpid()))
    if os.name != "nt":
        (full.origin / "link.png").symlink_to(tmp_path)
        put(full.origin / "nul.txt", b"")
        put(full.origin / "A PHOTO.jpg", b"")
    done = export_version(full, tmp_path / "v.zip", with_runs=True, with_originals=True)
    assert "now: it is being trained" in done.left_out
    if os.name != "nt":
        assert any("nul.txt: it is called like a device" in text for text in done.left_out)
        assert any("link.png: a link" in text for text in done.left_out)
        assert any("a photo.jpg: it is there twice" in text for text in done.left_out)


def test_a_cancelled_export_or_import_leaves_nothing(full: Version, there: Workspace, tmp_path: Path) -> None:
    def cancel(done: int, of: int, name: str) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_version(full, tmp_path / "v.zip", with_runs=True, with_originals=True, report=cancel)
    assert not list(tmp_path.glob("*.zip"))
    assert not list(tmp_path.glob(".tmp-*"))
    file = exported(full)
    before = everything(there)
    with pytest.raises(KeyboardInterrupt):
        import_version(there, "zorb", file, report=cancel)
    assert everything(there) == before


def info(name: str, *, mode: int = 0, **values: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    for key, value in values.items():
        setattr(made, key, value)
    return made


def write_zip(file: Path, entries: Sequence[tuple[zipfile.ZipInfo, bytes]]) -> Path:
    """A zip with our manifest and whatever entries."""
    files = [data for entry, data in entries if not entry.filename.endswith("/")]
    manifest = {
        "kind": "version", "name": "v9", "project": "zorb", "format": 1,
        "files": len(files), "bytes": sum(map(len, files)),
    }  # fmt: skip
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(MANIFEST, json.dumps(manifest))
        for entry, data in entries:
            archive.writestr(entry, data)
    return file


GOOD = [(info("data/version.toml"), b"schema = 1\n"), (info("data/dataset/origin/a.png"), b"picture")]


def test_a_zip_by_hand_that_is_right_is_taken(there: Workspace, tmp_path: Path) -> None:
    assert import_version(there, "zorb", write_zip(tmp_path / "z.zip", GOOD)).name == "v9"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([(info("data/../../../evil.txt"), b"x")], "plain path"),
        ([(info("../evil.txt"), b"x")], "isn't below data/"),
        ([(info("/etc/evil.txt"), b"x")], "isn't below data/"),
        ([(info("data//etc/evil.txt"), b"x")], "plain path"),
        ([(info("data/./evil.txt"), b"x")], "plain path"),
        ([(info("data/C:/evil.txt"), b"x")], "drive letter"),
        ([(info("data/c:evil.txt"), b"x")], "drive letter"),
        ([(info("data/a\\..\\..\\evil.txt"), b"x")], r"\\ or a drive"),
        ([(info("data/link", mode=stat.S_IFLNK | 0o777), b"/etc/passwd")], "link"),
        ([(info("data/pipe", mode=stat.S_IFIFO), b"")], "link or no file"),
        ([(info("data/a.txt"), b"x"), (info("data/a.txt"), b"y")], "twice"),
        ([(info("data/a.txt"), b"x"), (info("data/A.TXT"), b"y")], "twice"),
        ([(info("data/é.txt"), b"x"), (info("data/e\u0301.txt"), b"y")], "twice"),
        ([(info("data/a/x.txt"), b"x"), (info("data/A/y.txt"), b"y")], "letter case"),
        ([(info("data/a"), b"x"), (info("data/a/b"), b"y")], "file and a folder"),
        ([(info("data/a/b"), b"x"), (info("data/A"), b"y")], "file and a folder"),
        ([(info("data/dataset/NUL"), b"x")], "device"),
        ([(info("data/con.txt"), b"x")], "device"),
        ([(info("data/a."), b"x")], "dot or a blank"),
        ([(info("data/a /b"), b"x")], "dot or a blank"),
        ([(info("data/a\x1b[0m"), b"x")], "control character"),
        ([(info("data/" + "x" * 256), b"x")], "too long"),
        ([(info("data/" + "x/" * 50 + "y"), b"x")], "too deep"),
        ([(info("data/.tmp-1/x"), b"x"), (info("data/.ready-processed-1/"), b"")], "unfinished"),
        ([(info("data/previews/.cache/tensorboard.json"), b'{"pid": 1}')], "unfinished"),
        ([(info("data/big", compress_type=zipfile.ZIP_DEFLATED), bytes(120 << 20))], "times as much"),
        ([(info("data/x", compress_type=zipfile.ZIP_BZIP2), b"x")], "another way"),
        ([(info("data/version.toml"), b"schema = 99\n")], "newer Train Tools"),
        ([(info("data/version.toml"), b"= =")], "TOML"),
        ([(info("data/version.toml/"), b"")], "no version"),
        ([(info("data/trains"), b"x")], "no version"),
    ],
)  # fmt: skip
def test_a_bad_zip_is_refused_and_changes_nothing(
    there: Workspace, tmp_path: Path, entries: list[tuple[zipfile.ZipInfo, bytes]], words: str
) -> None:
    file = write_zip(tmp_path / "bad.zip", [*GOOD[1:], *entries])
    before = everything(there)
    with pytest.raises(UsageError, match=words):
        import_version(there, "zorb", file)
    assert everything(there) == before
    assert {path.name for path in tmp_path.iterdir()} == {"bad.zip", "there"}


def test_nothing_is_trained_because_a_zip_says_so(there: Workspace, tmp_path: Path) -> None:
    ticket = b'{"kind": "train", "id": 1, "arguments": {"network_module": "evil"}}'
    names = ("trains/run", "trains/.hidden", "jobs/1-process")
    entries = [(info(f"data/{name}/queue.json"), ticket) for name in names]
    made = import_version(there, "zorb", write_zip(tmp_path / "z.zip", [*GOOD, *entries]))
    assert not list(made.folder.rglob("queue.json"))
    assert (made.folder / "trains" / "run").is_dir()


EVIL = "../../../../../../../evil.txt"


@pytest.mark.parametrize(
    "name", [EVIL, EVIL.replace("/", "\\"), "/tmp/evil.txt", "C:\\evil.txt", "//host/share/x"]
)
def test_a_history_of_captions_in_a_zip_writes_nowhere_else(
    there: Workspace, tmp_path: Path, name: str
) -> None:
    """A change that was cut off is taken back when the version is opened, by what its record says."""
    folder = "data/dataset/history/edits-captions"
    state = {"done": [], "undone": [], "next": 2, "pending": "000001.json"}
    record = {"what": "x", "captions": [{"name": name, "before": "code", "after": None}]}
    entries = [(info(f"{folder}/state.json"), state), (info(f"{folder}/000001.json"), record)]
    texts = [(entry, json.dumps(value).encode()) for entry, value in entries]
    made = import_version(there, "zorb", write_zip(tmp_path / "z.zip", [*GOOD, *texts]))
    with pytest.raises(TrainToolsError, match="gone or damaged"):
        journal.settle(there.version("zorb", made.name))
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", [EVIL, "/etc/passwd", "..\\..\\x.png"])
def test_a_revision_in_a_zip_names_only_its_own_files(there: Workspace, tmp_path: Path, name: str) -> None:
    image = {"file": name, "original": "a.png", "flipped": False, "caption": None}
    record = json.dumps({"number": 1, "time": "", "settings": {}, "images": [image]}).encode()
    entry = (info("data/dataset/processed/revision.json"), record)
    made = import_version(there, "zorb", write_zip(tmp_path / "z.zip", [*GOOD, entry]))
    with pytest.raises(TrainToolsError, match="isn't a revision's record"):
        revision.read(there.version("zorb", made.name).processed)


def test_too_many_entries(there: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MOST_ENTRIES", 1)
    with pytest.raises(UsageError, match="holds 2 entries"):
        import_version(there, "zorb", write_zip(tmp_path / "z.zip", GOOD))


def test_more_than_the_disk_holds(there: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_zip(tmp_path / "z.zip", GOOD)
    usage = type("Usage", (), {"free": 3})()
    monkeypatch.setattr("train_tools.workspace.tree.shutil.disk_usage", lambda _: usage)
    before = everything(there)
    with pytest.raises(UsageError, match="make room"):
        import_version(there, "zorb", file)
    assert everything(there) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-30],
        lambda data: b"",
        lambda data: b"PK",
        lambda data: data.replace(b"picture", b"pictuRe"),  # the checksum doesn't fit
        lambda data: data.replace(b'"kind": "version"', b'"kind": 12345678 '),
    ],
)
def test_a_damaged_zip(there: Workspace, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = write_zip(tmp_path / "z.zip", GOOD)
    file.write_bytes(damage(file.read_bytes()))
    before = everything(there)
    with pytest.raises(UsageError):
        import_version(there, "zorb", file)
    assert everything(there) == before


def test_a_zip_of_something_else(there: Workspace, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    for file in (tmp_path / "z.zip", tmp_path / "missing.zip", tmp_path):
        with pytest.raises(UsageError):
            import_version(there, "zorb", file)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bytes_change_it_is_whole_or_refused(
    there: Workspace, tmp_path: Path, data: st.DataObject
) -> None:
    file = write_zip(tmp_path / "z.zip", GOOD)
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    before = everything(there)
    try:
        done = import_version(there, "zorb", file)
    except TrainToolsError:
        assert everything(there) == before
    else:
        assert done.folder.parent == there.project("zorb").versions_folder
        assert {path.split("/")[4] for path in everything(there) - before} == {done.name}
        assert not (tmp_path / "evil.txt").exists()


@given(st.lists(st.text(st.sampled_from("aA.é/\\: \x00ßſ"), min_size=1, max_size=6), max_size=6))
def test_accepted_paths_stay_below_and_apart(paths: list[str]) -> None:
    portable = Portable()
    accepted = [path for path in paths if not portable.fault(path)]
    assert len({path.casefold() for path in accepted}) == len(accepted)
    for path in accepted:
        assert os.path.normpath(path) == path
        assert not path.startswith("/")
        assert ".." not in path.split("/")


def everything(workspace: Workspace) -> set[str]:
    return {path.relative_to(workspace.root).as_posix() for path in workspace.root.rglob("*")}
