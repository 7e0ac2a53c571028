"""What can be fetched of a model that a person asks for, with sizes; and fetching it."""

from __future__ import annotations

import os
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath

from train_tools.environment import hub, model_source
from train_tools.environment.download import Report, Wanted, download, silent
from train_tools.environment.hub import HubFile, Repository
from train_tools.environment.model_source import HUB_ID, WEIGHTS, Source
from train_tools.environment.network import Network
from train_tools.errors import UsageError
from train_tools.workspace.files import write_text

INDEX = "model_index.json"
UNNEEDED = ("safety_checker/",)  # of a diffusers folder; nobody trains with it
TEXTS = (".json", ".txt", ".model")
NOT_PLAIN = (".fp16.", ".bf16.", ".fp8.", ".non_ema.", ".ema.")  # variants of the weights
MOST = 40  # that are offered of one repository


@dataclass(frozen=True)
class Offer:
    """`source` is what fetches it: an address, `owner/name:file`, or `owner/name` with `files`, which are then kept as
    a folder where all programs find it. `bytes` is 0 where nobody tells it.
    """

    source: str
    name: str
    bytes: int
    files: tuple[str, ...] = ()


def offers(asked: str, network: Network) -> list[Offer]:
    """The files of weights, and a whole diffusers folder. Raises as `model_source.find`."""
    match = HUB_ID.fullmatch(asked)
    if match is None or match["file"]:
        found = model_source.find(asked, network)
        return [Offer(asked, found.name, _size(found, network))]
    repository = hub.look_up(match["id"], match["revision"] or "main", network)
    return _of_repository(asked, repository)


def _of_repository(asked: str, repository: Repository) -> list[Offer]:
    folder = diffusers_files(repository.files)
    weights = [file for file in repository.files if file.name.endswith(WEIGHTS)]
    if folder:
        weights = [file for file in weights if "/" not in file.name]
    found = [Offer(f"{asked}:{file.name}", file.name, file.size) for file in weights[:MOST]]
    if folder:
        found.append(of_files(repository, folder))
    if not found:
        raise UsageError(f"{repository.id} holds no weights of a model; look at its page")
    return found


def of_files(repository: Repository, files: Sequence[HubFile]) -> Offer:
    return Offer(
        repository.id, repository.id, sum(file.size for file in files), tuple(file.name for file in files)
    )


def diffusers_files(files: Sequence[HubFile]) -> list[HubFile]:
    """All that is needed of a diffusers folder, each weight in one format; [] where there is none."""
    if INDEX not in [file.name for file in files]:
        return []
    needed = [file for file in files if not file.name.startswith(UNNEEDED)]
    texts = [file for file in needed if file.name.endswith(TEXTS) and file.name.count("/") < 2]
    parts: dict[str, list[HubFile]] = {}
    for file in needed:
        part, slash, _ = file.name.partition("/")
        if slash and file.name.endswith((".safetensors", ".bin")):
            parts.setdefault(part, []).append(file)
    return [*texts, *(file for weights in parts.values() for file in _one_format(weights))]


def _one_format(weights: Sequence[HubFile]) -> list[HubFile]:
    """Safetensors before pickles, full precision before half."""
    plain = [file for file in weights if not any(mark in file.name for mark in NOT_PLAIN)]
    for chosen, ending in ((plain, ".safetensors"), (plain, ".bin"), (weights, ".safetensors")):
        if found := [file for file in chosen if file.name.endswith(ending)]:
            return found
    return list(weights)


def _size(source: Source, network: Network) -> int:
    """As the server says it; a hub leads to where the file lies."""
    try:
        with network.open(source.url, method="HEAD") as response:
            length = response.headers.get("Content-Length", "")
    except (urllib.error.URLError, OSError, HTTPException):  # the download says what is wrong
        return 0
    return int(length) if str(length).isdigit() else 0


def fetch_file(asked: str, folder: Path, network: Network, report: Report = silent) -> Path:
    """Into `folder`; one that is there already with the right hash is taken."""
    source = model_source.find(asked, network)
    return download(Wanted(source.url, folder / source.name, source.sha256), network, report)


def fetch_files(
    hub_id: str,
    names: Sequence[str],
    network: Network,
    report: Callable[[int, int, str], None] = lambda _done, _total, _name: None,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """The folder with them, in Hugging Face's own cache. What is there already isn't fetched again."""
    repository = hub.look_up(hub_id, "main", network)
    wanted = [file for file in repository.files if file.name in set(names)]
    if len(wanted) < len(set(names)):
        gone = sorted(set(names) - set(repository.names))
        raise UsageError(f"{hub_id} has no {', '.join(gone)} any more; look at its page")
    commit = repository.commit or "main"
    folder = hub.snapshot_of(hub_id, commit, environ)
    total, before = sum(file.size for file in wanted), 0
    for file in wanted:
        target = folder.joinpath(*_parts(file.name))
        if not target.is_file():

            def told(done: int, _of: int, before: int = before, name: str = file.name) -> None:
                report(before + done, total, name)

            source = model_source.find(f"{hub_id}@{commit}:{file.name}", network)
            download(Wanted(source.url, target, file.sha256 or source.sha256), network, told)
        before += file.size
        report(before, total, file.name)
    write_text(hub.reference(hub_id, environ), commit)
    return folder


def _parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or set(name) & set('\\:*?"<>|'):
        raise UsageError(f"{name} would lie outside of its folder; it isn't fetched")
    return path.parts
