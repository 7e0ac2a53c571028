"""What the services can say is there in Chinese, too."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import train_tools
from train_tools.ui.sentences import FILE, HOLE, in_chinese, pair_of

ROOT = Path(train_tools.__file__).parent
# The commands' own words are for a terminal; the small models' trainers are started by hand.
NOT_SHOWN = {"small_models", "commands", "__main__.py", "cli.py"}
ERRORS = re.compile(r"\w*(Error|Refused|Failed)$")
# Arguments by name that a person reads, whatever is called.
NAMED = {"because", "chosen_by_us", "not_an_axis", "reason", "problem"}
# Modules whose texts of three words and more are all for a person: findings, reasons, notes.
SPOKEN = {
    "captioning/service.py", "commands/data_jobs.py", "commands/job.py",
    "compare/scores/service.py", "compare/scores/vectors.py", "compare/table.py", "dataset/archives.py",
    "dataset/candidates.py", "dataset/census.py", "dataset/checks.py", "dataset/history.py",
    "dataset/inbox.py", "dataset/intake.py", "dataset/layout.py", "dataset/making.py", "dataset/masks.py",
    "dataset/metadata.py", "dataset/origin.py", "dataset/pictures.py", "dataset/preview_image.py",
    "dataset/process.py", "dataset/proposal.py", "dataset/reg.py", "dataset/reg_folders.py", "dataset/revision.py",
    "dataset/sources.py", "dataset/taking.py", "dataset/unread.py",
    "doctor/machine_checks.py", "doctor/program_checks.py", "engines/packed/life/length.py",
    "engines/packed/base/quicker.py", "engines/packed/life/member.py", "engines/packed/network/words.py",
    "engines/packed/state.py",
    "engines/packed/support.py", "engines/sd_scripts/engine.py",
    "engines/sd_scripts/failure.py", "engines/sd_scripts/family.py", "engines/sd_scripts/progress.py",
    "engines/sd_scripts/train.py", "families/detect.py", "families/files.py", "families/folder.py",
    "families/foreign.py", "families/head.py", "families/interface.py",
    "families/known.py", "environment/checks.py", "environment/failure.py",
    "environment/manage.py",
    "environment/plan.py", "environment/sd_scripts.py", "environment/self_check.py", "environment/setup.py",
    "environment/status.py", "execution/attempt.py", "execution/conclusion.py",
    "execution/more.py", "execution/queue.py",
    "execution/queue_actions.py", "execution/queue_edit.py", "execution/verify.py", "execution/worker.py",
    "hosts/bridge_client.py", "hosts/bridge_file.py", "hosts/bridge_server.py", "hosts/interface.py",
    "hosts/keeper.py", "hosts/login.py", "hosts/page_server.py", "hosts/trainings.py", "hosts/webui_memory.py",
    "hosts/proxy.py", "hosts/standalone.py", "hosts/webui.py", "hosts/webui_applied.py", "hosts/webui_base.py",
    "hosts/webui_captioners.py", "hosts/webui_fit.py", "hosts/webui_lora.py", "hosts/webui_picture.py",
    "hosts/webui_render.py",
    "arguments/argument.py", "arguments/current.py", "arguments/installed.py", "arguments/table.py",
    "engines/sd_scripts/installed.py", "planning/caption_checks.py", "planning/checks.py",
    "arguments/config_file.py",
    "planning/base_checks.py", "planning/length.py", "planning/rate_checks.py", "planning/word_checks.py",
    "planning/expand.py", "planning/exposure.py", "planning/findings.py", "planning/grid.py",
    "planning/imports/ai_toolkit.py", "planning/imports/anima_studio.py", "planning/imports/assumed.py",
    "planning/imports/dataset_config.py", "planning/imports/easy_training.py", "planning/imports/foreign.py",
    "planning/imports/lora_files.py", "planning/imports/onetrainer.py", "planning/imports/read.py",
    "planning/shell/trainers.py", "planning/text_files.py",
    "planning/imports/imported.py", "planning/imports/kohya_ss.py", "planning/imports/lora_metadata.py",
    "planning/imports/sd_scripts.py", "planning/imports/sd_trainer.py", "planning/page.py",
    "planning/pasted.py", "planning/plan.py", "planning/presets.py", "planning/rules.py", "arguments/text.py",
    "arguments/value_types.py", "arguments/values.py", "preview/before_training.py", "preview/choice.py",
    "preview/choosing.py", "preview/host_facts.py", "preview/own_renderers.py", "preview/packed.py",
    "preview/packed_support.py", "preview/plan.py", "preview/prompts.py", "preview/rendering.py",
    "preview/service.py", "preview/through_host.py", "preview/through_sd_scripts/network.py",
    "preview/through_sd_scripts/renderer.py", "preview/through_sd_scripts/studio.py",
    "preview/through_sd_scripts/support.py", "publish/service.py",
    "tags/checks.py", "tags/edits.py", "tags/journal.py", "tags/patterns.py", "tags/service.py",
    "ui/access.py", "ui/exports.py",
    "ui/guard.py", "ui/routes/compare.py", "ui/routes/data_jobs.py", "ui/routes/files.py", "ui/routes/models.py",
    "ui/routing.py",
    "ui/tasks.py", "workspace/archive.py", "workspace/catalogue.py", "workspace/clone.py",
    "workspace/fields.py", "workspace/lock.py", "workspace/names.py", "workspace/os_errors.py", "workspace/portable.py",
    "workspace/predecessor.py", "workspace/rename.py", "workspace/trash.py", "workspace/unpack.py",
    "workspace/workspace.py",
}  # fmt: skip
# Whole tables of other modules: what is refused or assumed, and why.
TABLES = {"KEPT", "ONE_ATTENTION", "NO_LINK", "DELETED"}
# Calls whose texts nobody reads as a sentence.
SILENT = re.compile(
    r"writing|compile|debug|info|warning|exception|execute|getLogger|\\w*Settings|add_argument|print"
)
# Texts of several words that are no sentences: patterns of what programs print, papers, code, headers, Markdown.
OTHER = re.compile(
    r"\[\\w|\.\*|\(\[\^|\n|%s|https://arxiv|project export`"
    r"|^(# |\| |python -m |default-src |Basic realm|private, |seed=|import |\s*… )"
    r"|^(No data found|NaN detected|name or service|error sending|network is|no space|not enough space)"
    r"|^(ensurepip is|no module named|cannot connect|access is|could not resolve|unable to access)"
    r"|^(no matching|no solution|DPM)"
)
MARK = "\0"  # stands for a hole until they are numbered
TABLE: dict[str, str] = json.loads(FILE.read_text("utf-8"))


def templates(node: ast.expr) -> list[str]:
    """`f"there is no {what}"` -> `there is no {1}`; several where parts depend on a condition."""
    return [numbered(text) for text in _texts(node) if text is not None]


def _texts(node: ast.expr) -> list[str | None]:
    """None where the text is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [re.sub(r"\{\d?\}", MARK, node.value)]  # str.format's
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(p.value) if isinstance(p, ast.Constant) else MARK for p in node.values)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    if isinstance(node, ast.BoolOp):
        return [text for value in node.values for text in _texts(value)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        pairs = itertools.product(_texts(node.left), _texts(node.right))
        return [None if left is right is None else (left or MARK) + (right or MARK) for left, right in pairs]
    return [None]


def numbered(text: str) -> str:
    first, *others = text.split(MARK)
    return first + "".join(f"{{{i}}}{part}" for i, part in enumerate(others, 1))


def is_sentence(text: str, words: int = 2) -> bool:
    own = HOLE.sub("", text)
    return (
        bool(re.search("[A-Za-z]", own))
        and not OTHER.search(text)
        and len([word for word in text.split() if re.search(r"[A-Za-z{]", word)]) >= words
    )


def sentences(tree: ast.AST) -> Iterator[str]:
    """Errors, and the arguments that are `NAMED`."""
    for node in ast.walk(tree):
        said: list[ast.expr] = []
        if isinstance(node, ast.Call):
            said += [keyword.value for keyword in node.keywords if keyword.arg in NAMED]
            said += node.args[:1] if ERRORS.match(name_of(node)) else []
        elif isinstance(node, ast.Assign) and any(getattr(t, "id", "") in TABLES for t in node.targets):
            said.append(node.value)
        yield from (text for one in said for text in templates(one) if is_sentence(text))


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def every_text(node: ast.AST) -> Iterator[str]:
    """All texts of a module that may be sentences, the longest that is made at once."""
    if isinstance(node, ast.Call) and (SILENT.fullmatch(name_of(node)) or ERRORS.match(name_of(node))):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp, ast.IfExp)):
        found = [text for text in templates(node) if is_sentence(text, 3)]
        yield from found
        if found and not isinstance(node, ast.IfExp):
            return
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from every_text(child)


def all_sentences() -> list[str]:
    found: dict[str, None] = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.split("/")[0] in NOT_SHOWN and name not in SPOKEN:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        found.update(dict.fromkeys(sentences(tree)))
        if name in SPOKEN:
            found.update(dict.fromkeys(every_text(tree)))
    return list(found)


def test_every_sentence_has_its_translation() -> None:
    assert [sentence for sentence in all_sentences() if sentence not in TABLE] == []


def test_a_translation_keeps_what_it_is_about() -> None:
    """What stands in the holes: names, places, numbers, commands."""
    for english, chinese in TABLE.items():
        assert re.search(r"[\u4e00-\u9fff]", chinese), english
        assert set(HOLE.findall(chinese)) == set(HOLE.findall(english)), english


def test_a_translation_keeps_commands_and_places() -> None:
    """What stands in backticks, options, and names with underscores are typed as they are."""
    exact = re.compile(r"--[a-z][a-z_]+|(?<![A-Za-z0-9_])[a-z0-9]+(?:_[a-z0-9]+)+(?![A-Za-z0-9_])")
    lost = [(e, c) for e, c in TABLE.items() if not set(exact.findall(e)) <= set(exact.findall(c))]
    assert lost == []


def test_the_table_can_be_merged() -> None:
    """Sorted, one pair a line, so that two people's additions rarely meet."""
    lines = FILE.read_text("utf-8").splitlines()
    assert len(lines) == len(TABLE) + 2
    assert list(TABLE) == sorted(TABLE)


def test_holes_are_filled_and_may_hold_sentences() -> None:
    pair = pair_of("there is {1} behind {2}", "{2}后面有{1}")
    assert pair.translated("there is x y behind z", loosely=False) == "z后面有x y"
    few = pair_of("{1} has {2}", "{1}有{2}")  # too little of its own to be sure
    assert few.translated("a has b", loosely=False) == "a有b"
    assert few.translated("nobody here has an idea", loosely=True) is None
    assert in_chinese("no such sentence is known") == "no such sentence is known"


def test_modules_that_are_read_are_there() -> None:
    assert [name for name in SPOKEN if not (ROOT / name).is_file()] == []
