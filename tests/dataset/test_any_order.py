"""Whatever is done in whatever order and however it is cut off: old or new state, and no source is ever changed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from train_tools.dataset import revision as revisions
from train_tools.dataset.history import restore, revisions_of
from train_tools.dataset.intake import add
from train_tools.dataset.looks import digest
from train_tools.dataset.originals import originals_in
from train_tools.dataset.process import process
from train_tools.dataset.progress import Progress, Report
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.training import training_images
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version, Workspace

SETTINGS = (
    DatasetSettings(width=16, height=16),
    DatasetSettings(width=16, height=16, repeats=-1, flip=True),
    DatasetSettings(
        width=12, height=12, keep_aspect=False, small_images="upscale", existing_caption="prepend"
    ),
    DatasetSettings(width=16, height=16, split=True, balance_repeats=True, existing_caption="ignore"),
)


class Killed(BaseException):
    """Nothing in the services may catch it."""


def draw_sources(folder: Path) -> None:
    """Eight images, some captions, one that is damaged, and a zip."""
    folder.mkdir()
    for number in range(8):
        size = (20 + 7 * number, 20)
        Image.new("RGB", size, (30 * number, 0, 90)).save(folder / f"{number}.png")
        if number % 2:
            (folder / f"{number}.txt").write_text(f"number {number}", encoding="utf-8")
    (folder / "broken.png").write_bytes(b"\x89PNG")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.write(folder / "3.png", "3.png")
        archive.writestr("3.txt", "another caption")


def tree(folder: Path) -> dict[str, bytes]:
    """What people and programs see; hidden leftovers of a killed process are none of it."""
    paths = (p for p in folder.rglob("*") if p.is_file())
    found = ((p.relative_to(folder), p) for p in paths)
    return {
        r.as_posix(): p.read_bytes() for r, p in found if not any(part.startswith(".") for part in r.parts)
    }


def revision_trees(version: Version) -> dict[str, dict[str, bytes]]:
    return {folder.name: tree(folder) for folder in revisions.folders_of(version)}


def check_whole(folder: Path) -> None:
    """Every image that a revision remembers is there as it was written, and no other one."""
    revision = revisions.read(folder)
    if revision is None:
        assert not folder.exists() or not training_images(folder)
        return
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*.png")}
    assert there == {source.file for source in revision.images}
    for source in revision.images:
        assert digest((folder / source.file).read_bytes()) == source.sha256


def new_version(folder: Path) -> Version:
    workspace = Workspace(folder / "outputs")
    workspace.create_project("p")
    return workspace.create_version("p", "v")


@contextlib.contextmanager
def killing_at(event: int | None) -> Iterator[Report]:
    """A report that ends everything at its n-th call."""
    seen = 0

    def report(_: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == event:
            raise Killed

    with contextlib.suppress(Killed):
        yield report


files = st.lists(
    st.sampled_from([f"{n}.png" for n in range(8)] + ["broken.png", "more.zip"]), min_size=1, max_size=4
)
kills = st.one_of(st.none(), st.integers(1, 6))
steps = st.one_of(
    st.tuples(st.just("add"), files, st.sampled_from(["", "second"]), kills),
    st.tuples(st.just("process"), st.sampled_from(SETTINGS), kills),
    st.tuples(st.just("restore"), st.integers(1, 4), kills),
    st.tuples(st.just("edit"), st.integers(0, 20), st.sampled_from(["new", "", "a, b"])),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=2, max_size=7))
def test_any_sequence_of_steps_cut_off_anywhere(sequence: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_sources(folder / "sources")
        sources = tree(folder / "sources")
        version = new_version(folder)
        for step in sequence:
            take(version, folder / "sources", step)
            assert tree(folder / "sources") == sources


def take(version: Version, sources: Path, step: tuple[Any, ...]) -> None:
    """One step; what is there before may only be added to."""
    origin, history, current = tree(version.origin), revision_trees(version), tree(version.processed)
    done = False
    if step[0] == "edit":
        edit(version, step[1], step[2])
    else:
        with killing_at(step[-1]) as report, contextlib.suppress(UsageError):
            run(version, sources, step, report)
            done = True
        if step[0] == "add" or not done:
            assert tree(version.processed) == current
        if not done:
            assert revision_trees(version) == history
    now = tree(version.origin)
    assert {name: now[name] for name in origin} == origin
    allowed = {path.read_bytes() for path in sources.glob("?.*")} | {b"another caption"}
    assert {data for name, data in now.items() if name not in origin} <= allowed
    later = revision_trees(version)
    assert {name: later[name] for name in history} == history
    new = [data for name, data in later.items() if name not in history]
    assert new in ([], [current])
    check_whole(version.processed)
    assert not [p for p in version.processed.parent.iterdir() if p.name.startswith(".")]


def run(version: Version, sources: Path, step: tuple[Any, ...], report: Report) -> None:
    if step[0] == "add":
        add(version, [sources / name for name in step[1]], report, concept=str(step[2]))
    elif step[0] == "process":
        process(version, step[1], report)
    else:
        restore(version, str(step[1]), report)


def edit(version: Version, which: int, text: str) -> None:
    images = training_images(version.processed)
    if images:
        images[which % len(images)].caption_file.write_text(text, encoding="utf-8")


WORKER = """
import random, sys
from pathlib import Path
from train_tools.dataset.history import restore, revisions_of
from train_tools.dataset.intake import add
from train_tools.dataset.process import process
from train_tools.dataset.settings import DatasetSettings
from train_tools.workspace.workspace import Workspace

root, sources, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
version = Workspace(root).version("p", "v")

def done():
    print("done", flush=True)

done()
while True:
    add(version, [sources], concept=random.choice(["", "second", "third"]))
    done()
    for _ in range(3):
        size = random.choice([16, 24, 32])
        process(version, DatasetSettings(width=size, height=size, flip=random.random() < 0.5))
        done()
        for image in version.processed.rglob("*.png"):
            if random.random() < 0.1:
                image.with_suffix(".txt").write_text("by hand", encoding="utf-8")
    earlier = [one for one in revisions_of(version) if not one.is_current]
    if earlier:
        restore(version, random.choice(earlier).name)
        done()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process in another way")
def test_a_process_killed_at_any_moment(tmp_path: Path) -> None:
    draw_sources(tmp_path / "sources")
    sources = tree(tmp_path / "sources")
    version = new_version(tmp_path)
    waits = random.Random(7)
    for seed in range(8):
        origin, history = tree(version.origin), revision_trees(version)
        kill_after(tmp_path, seed, seed, waits.uniform(0.0, 0.2))
        version = Workspace(tmp_path / "outputs").version("p", "v")
        assert tree(tmp_path / "sources") == sources
        now = tree(version.origin)
        assert {name: now[name] for name in origin} == origin
        assert set(now.values()) <= {*sources.values(), b"another caption"}
        later = revision_trees(version)
        assert {name: later[name] for name in history} == history
        for folder in (version.processed, *revisions.folders_of(version)):
            check_whole(folder)
        numbers = [one.number for one in revisions_of(version)]
        assert len(set(numbers)) == len(numbers)
    assert len(originals_in(version.origin)) >= 9
    assert process(version, SETTINGS[0]).images


def kill_after(folder: Path, seed: int, steps: int, seconds: float) -> None:
    """So many steps are finished, and the next one has begun."""
    arguments = [str(folder / "outputs"), str(folder / "sources"), str(seed)]
    worker = subprocess.Popen([sys.executable, "-c", WORKER, *arguments], stdout=subprocess.PIPE, text=True)
    with worker:
        assert worker.stdout
        for _ in range(steps + 1):
            assert worker.stdout.readline() == "done\n"
        time.sleep(seconds)
        worker.send_signal(signal.SIGKILL)
    assert worker.returncode == -signal.SIGKILL
