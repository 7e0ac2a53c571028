"""Fetches one revision of sd-scripts: `python -m train_tools.environment.sd_scripts_source git|zip REVISION FOLDER`.

A stage of the set-up runs it as a process of its own. The folder appears whole or not at all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from train_tools.environment.download import Wanted, download
from train_tools.environment.network import network_of
from train_tools.environment.program import default_root
from train_tools.environment.sd_scripts_place import MARK, REVISION
from train_tools.errors import TrainToolsError
from train_tools.workspace.files import replace, temporary_sibling

REPOSITORY = "https://github.com/kohya-ss/sd-scripts"
REQUIREMENTS = "requirements.txt"
FILTERED = "requirements-train-tools.txt"  # those, as we install them
COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch(way: str, revision: str, folder: Path) -> None:
    """Raises TrainToolsError or OSError where it can't be had."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = temporary_sibling(folder)
    try:
        (with_git if way == "git" else with_zip)(revision, building)
        if not (building / MARK).is_file():
            raise TrainToolsError(f"{revision} of {REPOSITORY} has no {MARK}; choose another version")
        write_filtered(building)
        (building / REVISION).write_text(f"{revision}\n", encoding="utf-8")
        if folder.exists():  # without its stamp: half of something
            folder.rename(temporary_sibling(folder))
        replace(building, folder)
    finally:
        for left in folder.parent.glob(".tmp-*"):
            shutil.rmtree(left, ignore_errors=True)


def with_git(revision: str, building: Path) -> None:
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    for arguments in (
        ["init", "--quiet", str(building)],
        ["-C", str(building), "fetch", "--depth", "1", REPOSITORY, revision],
        ["-C", str(building), "-c", "core.longpaths=true", "checkout", "--quiet", "--detach", "FETCH_HEAD"],
    ):
        code = subprocess.run(["git", *arguments], env=environ, check=False).returncode
        if code:
            raise TrainToolsError(f"git {arguments[-1]} ended with {code}")


def with_zip(revision: str, building: Path) -> None:
    file = building.with_name(f"{building.name}.zip")
    try:
        download(Wanted(f"{REPOSITORY}/archive/{revision}.zip", file), network_of(default_root()))
        with zipfile.ZipFile(file) as archive:
            # GitHub writes the commit into the archive's comment.
            if COMMIT.fullmatch(revision) and archive.comment.decode("ascii", "replace") != revision:
                raise TrainToolsError(
                    f"the archive of {revision} holds another commit; try again, or another mirror"
                )
            archive.extractall(building)
    except zipfile.BadZipFile as error:
        raise TrainToolsError(
            f"what came for {revision} is no zip archive ({error}); try another mirror"
        ) from error
    finally:
        file.unlink(missing_ok=True)
    # One folder, `sd-scripts-<revision>`, holds all.
    (inside,) = list(building.iterdir()) or [building]
    for path in list(inside.iterdir()):
        path.rename(building / path.name)
    inside.rmdir()


def write_filtered(folder: Path) -> None:
    """Its requirements without itself, and with the OpenCV that needs no screen."""
    try:
        lines = (folder / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    kept = [
        re.sub(r"^opencv-python(?=\b(?!-))", "opencv-python-headless", line.strip())
        for line in lines
        if line.strip() and not line.strip().startswith(("-e", "#", "--"))
    ]
    (folder / FILTERED).write_text("\n".join([*kept, ""]), encoding="utf-8")


def main(arguments: list[str]) -> int:
    way, revision, folder = arguments
    try:
        fetch(way, revision, Path(folder))
    except (TrainToolsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
