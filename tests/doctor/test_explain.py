"""Each kind of error in a log as a person would see it, and logs in which nothing is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from train_tools import cli
from train_tools.doctor.explain import explain, last_failed
from train_tools.doctor.known import RULES
from train_tools.doctor.known.rule import ENVIRONMENT, RETRY, Offer
from train_tools.ui.routes.tools import ACTIONS
from train_tools.workspace.workspace import Workspace

# The rule's id and a log's end in the words of the programs, several for many; logs in which nothing is wrong, and
# some that end in errors of which nothing is known.
FILE = Path(__file__).with_name("excerpts.txt")
PARTS = [part.split("\n", 1) for part in FILE.read_text(encoding="utf-8").split("== ")[1:]]
EXCERPTS = [(name, text) for name, text in PARTS if name not in ("harmless", "unknown")]
HARMLESS = [text for name, text in PARTS if name == "harmless"]
UNKNOWN = [text for name, text in PARTS if name == "unknown"]
BEFORE = HARMLESS[0]


def of(name: str) -> str:
    return next(text for other, text in EXCERPTS if other == name)


@pytest.mark.parametrize(("name", "text"), EXCERPTS)
@pytest.mark.parametrize("before", ["", BEFORE])
def test_an_error_is_known_and_what_helps(name: str, text: str, before: str) -> None:
    found = explain(f"{before}{text}")
    assert [remedy.id for remedy in found] == [name]
    assert found[0].line in text


def test_every_rule_has_its_excerpt_and_says_itself_in_both_languages() -> None:
    assert {rule.id for rule in RULES} == {name for name, _ in EXCERPTS}
    for rule in RULES:
        assert all((rule.means, rule.do, rule.error or rule.line))
        for text in (rule.means_zh, rule.do_zh):
            assert any("一" <= letter <= "鿿" for letter in text)
            assert not re.search("[一-鿿][,;:]|[,;:][一-鿿]", text), "Chinese has marks of its own"


def test_all_pairs_of_the_installers_list_are_there() -> None:
    assert {rule.source for rule in RULES} >= {f"F{number}" for number in range(1, 21)}


@pytest.mark.parametrize("text", [*HARMLESS, *UNKNOWN, "", "\n\r\n", "\x00" * 100, "�"])
def test_nothing_is_found_where_nothing_is_known(text: str) -> None:
    assert explain(text) == []
    assert explain(f"{BEFORE}{text}") == []


def test_a_warning_never_wins() -> None:
    for warning in HARMLESS:
        for _, text in EXCERPTS:
            alone = explain(text)
            assert [remedy.id for remedy in explain(f"{warning}{text}")] == [remedy.id for remedy in alone]


def test_what_was_got_over_isnt_the_cause() -> None:
    early = of("package-missing")
    assert (
        explain(f"{early}steps:  10%|█ | 12/120 [00:13<02:00,  1.1s/it, avr_loss=0.1]\nmodel saved.\n") == []
    )
    assert [r.id for r in explain(f"{early}epoch 2/10\n{of('disk-full')}")] == ["disk-full"]
    # A bar that is drawn once more at the end is no sign of life.
    bar = "steps:  10%|█ | 12/120 [00:13<02:00,  1.1s/it, avr_loss=0.1]\n"
    assert [r.id for r in explain(f"{bar}{of('gpu-lost')}{bar}")] == ["gpu-lost"]


def test_a_launcher_says_nothing_of_its_own() -> None:
    launcher = "subprocess.CalledProcessError: Command '['python']' returned non-zero exit status 1.\n"
    assert [r.id for r in explain(f"{of('model-damaged')}{launcher}")] == ["model-damaged"]
    assert explain(launcher) == []


def test_a_consequence_stands_behind_its_cause() -> None:
    text = (
        "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\nPermissionError: [Errno 13] Permission denied: 'a'\n"
    )
    assert [remedy.id for remedy in explain(text)] == ["disk-full"]
    assert [r.id for r in explain("PermissionError: [Errno 13] Permission denied: 'a'")] == ["permission"]


def test_glued_lines_and_long_ones() -> None:
    assert [r.id for r in explain(f"{BEFORE}\r10%torch.OutOfMemoryError: CUDA out of memory.")] == [
        "out-of-gpu-memory"
    ]
    assert explain("x" * 1_000_000 + "CUDA out of memory") == []


OFFERS = sorted(
    {offer for rule in RULES for offer in rule.offers}, key=lambda offer: (offer.kind, offer.what)
)


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: f"{offer.kind} {offer.what}")
def test_what_is_offered_can_be_done(offer: Offer, tmp_path: Path) -> None:
    if offer.kind == ENVIRONMENT:
        assert offer.what in ACTIONS
        return
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    workspace.create_version("zorb", "v1")
    assert cli.main([*offer.command("zorb", "v1").split(), "--root", str(tmp_path)]) == 0
    assert offer.kind != RETRY or offer.what == ""


def run(root: Path, name: str, ended: float, state: str = "failed", log: str = "", **record: object) -> Path:
    folder = root / "train_tools" / "projects" / "p" / "versions" / "v" / "trains" / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"state": state, "ended": ended, **record}), encoding="utf-8")
    if log:
        (folder / "train.log").write_text(log, encoding="utf-8")
    return folder


def test_a_run_is_explained_by_its_log_and_its_record(tmp_path: Path) -> None:
    folder = run(tmp_path, "a", 1, log=BEFORE * 400 + of("nan-latents"))
    (found,) = explain(folder)
    assert (found.id, found.commands[0]) == ("nan-latents", "settings set p v training.no_half_vae=true")
    told = run(tmp_path, "b", 2, error="the base model /x/y.safetensors is missing; choose a checkpoint file")
    assert [remedy.id for remedy in explain(told)] == ["model-missing"]
    assert explain(tmp_path / "gone") == []
    (told / "run.json").write_bytes(b"\xff{")
    (told / "train.log").write_bytes(b"\xff\xfe" + of("disk-full").encode())
    assert [remedy.id for remedy in explain(told)] == ["disk-full"]


def test_the_run_that_failed_last(tmp_path: Path) -> None:
    assert last_failed(tmp_path) is None
    run(tmp_path, "a", 1)
    second = run(tmp_path, "b", 3)
    run(tmp_path, "c", 4, state="finished")
    run(tmp_path, "d", 2)
    broken = run(tmp_path, "e", 9)
    (broken / "run.json").write_text("[1", encoding="utf-8")
    assert last_failed(tmp_path) == second
