"""How the command line is used: answered at once, by any Python, before an environment is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import train_tools
from train_tools import cli
from train_tools.__main__ import main
from train_tools.commands.parser import sentence_of

ROOT = Path(train_tools.__file__).parents[1]
# Every command's help, by a Python that has no packages at all.
ALL = """
from train_tools import cli
from train_tools.environment import stand_ins
import importlib
with stand_ins.for_what_is_missing():
    for name in cli.COMMANDS:
        parser = cli.parser_of(name, importlib.import_module("train_tools.commands." + name))
        assert parser.format_help().count("\\n") > 5, name
        print(name)
"""


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_each_command_has_a_line_in_the_order_of_the_work(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert listed == [*cli.COMMANDS, "test"]
    assert listed.index("dataset") < listed.index("plan") < listed.index("train") < listed.index("publish")
    for name in cli.COMMANDS:
        assert cli.help_of(name)[0].isupper()
        assert cli.help_of(name).endswith(".")


def test_help_needs_no_packages() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", ALL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == list(cli.COMMANDS), done.stderr


def test_help_and_mistakes_make_no_environment(tmp_path: Path) -> None:
    there = tmp_path / "environment"
    for words, code, said in (
        (["queue", "add", "--help"], 0, "usage: python -m train_tools queue add"),
        (["queue", "ad"], 2, "train_tools: there is no 'ad' here; did you mean add?"),
    ):
        done = subprocess.run(
            [sys.executable, "-S", "-m", "train_tools", *words],
            cwd=ROOT, env={**os.environ, "TRAIN_TOOLS_ENV": str(there)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, there.exists()) == (code, False)
        assert (done.stdout + done.stderr).startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["quue", "add"], "there is no command 'quue'; did you mean queue?"),
        (["queue"], "say what to do: add, list, watch"),
        (
            ["queue", "add"],
            "PROJECT and VERSION are missing; `python -m train_tools queue add --help` tells more",
        ),
        (["settings", "show", "p"], "VERSION is missing; "),
        (["train", "p", "v", "--set"], "--set needs a value; "),
        (["page", "--port", "x"], "--port must be a whole number, not 'x'; "),
        (["runs", "p", "v", "--fast"], "--fast isn't known here; "),
        (["settings", "explain", "--language", "fr"], "--language can't be 'fr'; there are: en, zh; "),
    ],
)
def test_mistakes_are_a_sentence_that_says_what_to_do(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = cli.main(words)
    except SystemExit as end:
        code = end.code
    shown = capsys.readouterr()
    assert (code, shown.out) == (2, "")
    assert shown.err.startswith(f"train_tools: {said}")
    assert len(shown.err.splitlines()) == 1


def test_what_argparse_says_otherwise_is_left_as_it_is() -> None:
    assert sentence_of("something new") == "something new"
    assert (
        sentence_of("argument -q/--quiet: not allowed with argument --json") == "--quiet can't go with --json"
    )
    assert (
        sentence_of("ambiguous option: --se could match --set, --seed")
        == "--se may mean --set or --seed; write it out"
    )
