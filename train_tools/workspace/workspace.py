"""Where projects and versions lie, and how they are made and found."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.workspace.files import require_inside
from train_tools.workspace.names import check_new_name
from train_tools.workspace.swap import finish_swap


def default_root() -> Path:
    """The folder of `TRAIN_TOOLS_ROOT`, else `outputs` in the current folder."""
    return Path(os.environ.get("TRAIN_TOOLS_ROOT") or "outputs")


@dataclass(frozen=True)
class Project:
    name: str
    folder: Path

    @property
    def versions_folder(self) -> Path:
        return self.folder / "versions"


@dataclass(frozen=True)
class Version:
    """One data set with its settings and all runs trained on it."""

    project: str
    name: str
    folder: Path

    @property
    def root(self) -> Path:
        """The folder above `train_tools`."""
        return self.folder.parents[4]

    @property
    def origin(self) -> Path:
        """Uploads, byte for byte."""
        return self.folder / "dataset" / "origin"

    @property
    def processed(self) -> Path:
        """The current revision: `<n>_<concept>/` folders."""
        return self.folder / "dataset" / "processed"

    @property
    def history(self) -> Path:
        """Earlier revisions, a folder each."""
        return self.folder / "dataset" / "history"

    @property
    def reg(self) -> Path:
        return self.folder / "dataset" / "reg"

    @property
    def trains(self) -> Path:
        return self.folder / "trains"

    @property
    def shared_folder(self) -> Path:
        """`<root>/train_tools`, which all projects share."""
        return self.root / "train_tools"

    @property
    def settings_file(self) -> Path:
        return self.folder / "version.toml"


@dataclass(frozen=True)
class Workspace:
    """Everything under one root folder. Names are looked up among what is there, never joined unchecked."""

    root: Path

    @property
    def projects_folder(self) -> Path:
        return self.root / "train_tools" / "projects"

    @property
    def tag_lists(self) -> Path:
        """Lists by which tags are completed while one types."""
        return self.root / "train_tools" / "tags"

    @property
    def trash(self) -> Path:
        return self.root / "train_tools" / "trash"

    def projects(self) -> list[Project]:
        return [Project(folder.name, folder) for folder in folders_in(self.projects_folder)]

    def project(self, name: str) -> Project:
        """Raises UsageError where there is none, naming those that are."""
        # Only a name that is listed there is joined; all projects are looked up one by one in a summary.
        if name in names_in(self.projects_folder) and not name.startswith("."):
            project = Project(name, self.projects_folder / name)
            if project.folder.is_dir():
                require_inside(project.folder, self.root)
                require_inside(project.versions_folder, self.root)
                return project
        raise UsageError(missing("project", name, [p.name for p in self.projects()], "project create NAME"))

    def create_project(self, name: str) -> Project:
        """Raises UsageError where the name can't be used or is taken."""
        check_new_name(name, "project", names_in(self.projects_folder))
        project = Project(name, self.projects_folder / name)
        make_folders(project.folder, project.versions_folder)
        return project

    def versions(self, project: str) -> list[Version]:
        found = self.project(project)
        return [Version(found.name, folder.name, folder) for folder in folders_in(found.versions_folder)]

    def version(self, project: str, version: str) -> Version:
        """Raises UsageError where there is none, naming those that are. Ends a swap that a crash cut off."""
        versions = self.versions(project)
        for found in versions:
            if found.name == version:
                for path in (
                    found.folder,
                    found.origin,
                    found.processed,
                    found.history,
                    found.reg,
                    found.trains,
                ):
                    require_inside(path, self.root)
                finish_swap(found.processed)
                return found
        hint = f"version create {project} NAME"
        raise UsageError(
            missing(f"version of project {project!r}", version, [v.name for v in versions], hint)
        )

    def create_version(self, project: str, version: str) -> Version:
        """Raises UsageError where the name can't be used or is taken, or the project is missing."""
        versions_folder = self.project(project).versions_folder
        check_new_name(version, "version", names_in(versions_folder))
        made = Version(project, version, versions_folder / version)
        make_folders(made.folder, made.origin, made.trains)
        return made


def make_folders(folder: Path, *inner: Path) -> None:
    """All, or none where one can't be made; raises as `make_folder` does."""
    make_folder(folder)
    try:
        for path in inner:
            path.mkdir(parents=True)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def make_folder(folder: Path) -> None:
    """Raises UsageError where another process was faster."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError as error:
        raise UsageError(f"{folder} exists already; choose another name") from error


def names_in(folder: Path) -> list[str]:
    """Everything there, files too: a new folder may collide with any of it."""
    return sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208 - for thousands, twice as quick


def folders_in(folder: Path) -> list[Path]:
    """By name; hidden ones aren't counted. Thousands of files beside them cost next to nothing."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and is_folder(entry)]
    return [folder / name for name in sorted(names)]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that leads to one is one, too."""
    return Path(entry).is_dir() if entry.is_symlink() else entry.is_dir()


def missing(what: str, name: str, existing: list[str], hint: str) -> str:
    there = f"there are: {', '.join(existing)}" if existing else f"there is none yet; make one with `{hint}`"
    return f"there is no {what} called {name!r}; {there}"
