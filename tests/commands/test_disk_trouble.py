"""Every command over a disk that is full, read-only, failing or not ours: one sentence, and nothing is lost."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from disk_trouble import NUMBERS, contents, full_root, no_bytes, no_room, no_writing

from train_tools import cli
from train_tools.compare.checkpoints import find_checkpoints
from train_tools.execution import lane
from train_tools.workspace.workspace import Workspace

if sys.platform == "win32":
    pytest.skip("the limits of a process are Linux's and macOS's", allow_module_level=True)

V = "zorb v1"
# Every command by its names -> how it is called here. IMAGE, CHECKPOINT, CELL, ZIP, TO, ENTRY: see `filled`.
WRITING = {
    "demo": "",
    "project create": "new",
    "project delete": "zorb",
    "project rename": "zorb other",
    "project clone": "zorb other",
    "project export": "zorb --output {ROOT}/all.zip",
    "project import": "{ZIP} --name other",
    "version create": "zorb v2",
    "version rename": f"{V} v2",
    "version clone": f"{V} v2",
    "version delete": V,
    "version export": f"{V} --output {{ROOT}}/one.zip",
    "version import": "zorb {ZIP_OF_VERSION} --name v2",
    "settings set": f"{V} training.seed=5",
    "settings reset": f"{V} training.seed",
    "trash restore": "{ENTRY}",
    "dataset add": f"{V} {{IMAGE}}",
    "dataset process": f"{V} --set repeats=2",
    "dataset caption": f"{V} --set captioner=fixed --set text=zorb --set existing=replace",
    "dataset restore": f"{V} 1",
    "dataset preview-image": f"{V} a.png --out {{ROOT}}/shown",
    "reg generate": f"{V} --set prompts=circle --set images=1",
    "captions add": f"{V} sky",
    "captions remove": f"{V} red",
    "captions replace": f"{V} red green",
    "captions regex": f"{V} red green",
    "captions sort": f"{V}",
    "captions dedupe": f"{V}",
    "captions merge": f"{V} red=crimson",
    "captions first": f"{V} circle",
    "captions set": f"{V} sky --image *",
    "captions fix": V,
    "captions undo": V,
    "captions redo": V,
    "presets save": f"mine {V} --set seed=3",
    "presets delete": "kept",
    "arguments import": "{TOML} zorb v1",
    "train": f"{V} --set max_train_epochs=1",
    "queue add": f"{V} --set max_train_epochs=1",
    "queue list": "",
    "queue pause": "",
    "queue resume": "",
    "queue cancel": "1",
    "queue finish": "1",
    "queue more": f"{V} --starred --epochs 1",
    "queue retry": "",
    "queue move": "1 first",
    "queue edit": "1 --set seed=9",
    "queue now": "1",
    "queue not-before": "1 23:59",
    "queue stop-after": "",
    "queue shut-down": "",
    "queue clear": "",
    "preview": f"{V} --set prompts=zorb --set weights=1 --set steps=1 --set width=64 --set height=64",
    "compare mark": f"{V} {{CHECKPOINT}} --star",
    "compare vote": f"{V} {{CELL}} {{OTHER_CELL}} a",
    "compare score": V,
    "compare tensorboard": V,
    "publish": f"{V} {{CHECKPOINT}} --to {{ROOT}} --name mine",
    "lora edit": "{LORA} --title zorb --out {ROOT}/edited.safetensors",
    "lora merge": "{LORA} {LORA}:0.5 --out {ROOT}/merged.safetensors",
    "lora merge-into": "{ROOT}/model.safetensors {LORA} --out {ROOT}/into.safetensors",
    "lora extract": "{ROOT}/model.safetensors {ROOT}/model.safetensors --rank 2 --out {ROOT}/extracted.safetensors",
    "lora resize": "{LORA} --rank 1 --out {ROOT}/resized.safetensors",
    "model convert": "{ROOT}/model.safetensors",
    "model narrow": "sd1 {ROOT}/narrow.safetensors",
    "model download": "runwayml/none --to {ROOT}/models",
    "env settings": "--set offline=true",
    "doctor": "--bundle {ROOT}/bundle.zip",
}
READING = {
    "project list": "", "version list": "zorb", "settings show": V, "settings explain": "", "trash list": "",
    "dataset show": V, "dataset revisions": V, "captions show": V, "captions find": V, "captions count": V,
    "captions history": V, "captions check": V, "presets list": "", "presets show": "kept", "arguments list": "",
    "arguments show": "seed", "arguments parse": "--arguments=--seed=1", "plan": V, "runs": V, "compare board": V,
    "compare marks": V, "compare pair": V, "compare ranking": V, "compare scores": V, "compare curves": V,
    "compare advice": f"{V} {{CELL}}", "env status": "", "queue watch": "",
    "lora info": "{LORA}", "lora compare": "{LORA} {LORA}",
}  # fmt: skip
# They change the environment that the tests run in, or serve until they are ended; `page` has its own test below.
NOT_HERE = {
    "env create",
    "env check",
    "env upgrade",
    "env rollback",
    "env use",
    "env remove",
    "page",
    "start",
}


def commands_of(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield name
    for action in inner:
        for choice, child in action.choices.items():
            yield from commands_of(child, f"{name} {choice}")


def test_no_command_is_forgotten() -> None:
    modules = {name: importlib.import_module(f"train_tools.commands.{name}") for name in cli.COMMANDS}
    found = {name for top in modules for name in commands_of(cli.parser_of(top, modules[top]), top)}
    assert found == WRITING.keys() | READING.keys() | NOT_HERE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("made")
    full_root(base)
    return base


def filled(words: str, base: Path, root: Path) -> list[str]:
    version = Workspace(root).version("zorb", "v1")
    checkpoints = find_checkpoints(version)
    places = {
        "ROOT": root, "IMAGE": base / "b.png", "ZIP": base / "all.zip", "ZIP_OF_VERSION": base / "one.zip",
        "TOML": base / "sd.toml", "CHECKPOINT": checkpoints[0].id, "CELL": "zorb-run-000001",
        "OTHER_CELL": "zorb-run", "ENTRY": "gone", "LORA": checkpoints[0].path(version),
    }  # fmt: skip
    return [word.format(**places) for word in words.split()]


TROUBLES = [
    "full",
    "no room",
    *(pytest.param(kind, marks=pytest.mark.thorough) for kind in (*NUMBERS, "no bytes") if kind != "full"),
]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_one_sentence_and_nothing_is_lost(
    trouble: str,
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(lane, "COMMAND", (sys.executable, "-c", "pass"))
    faults = []
    for name, words in {**WRITING, **READING}.items():
        root = tmp_path / name.replace(" ", "-")
        shutil.copytree(made / "root", root)
        command = [*name.split(), *filled(words, made, root), "--root", str(root)]
        before = contents(root)
        capsys.readouterr()
        with contextlib.ExitStack() as stack:
            stack.enter_context(
                no_room(monkeypatch)
                if trouble == "no room"
                else no_bytes()
                if trouble == "no bytes"
                else no_writing(trouble, root)
            )
            try:
                code = cli.main(command)
            except SystemExit as left:
                code = int(left.code or 0)
            except Exception as error:
                faults.append(f"{name}: {type(error).__name__} {error}")
                continue
        said = capsys.readouterr().err
        sentences = [line for line in said.splitlines() if line.startswith("train_tools: ")]
        # `demo` calls other commands, which say theirs.
        if code and (not sentences or (name != "demo" and len(sentences) > 1) or "Traceback" in said):
            faults.append(f"{name} ended with {code} and said {said}")
        if trouble in NUMBERS and name in WRITING and code not in (1, 2):
            faults.append(f"{name} ended with {code} though it can't have written")
        after = contents(root)
        if code and (lost := [path for path, data in before.items() if after.get(path) != data]):
            faults.append(f"{name} changed {lost}")
    assert faults == []
