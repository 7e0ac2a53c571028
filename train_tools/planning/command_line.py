"""A command line or script as people paste it, taken apart: bash, PowerShell, cmd, notebooks, what Python prints.

accelerate launch --num_cpu_threads_per_process 8 train_network.py `
--unet_lr=$unet_lr --network_args "conv_dim=4" "conv_alpha=1" `   # comment
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from train_tools.errors import UsageError
from train_tools.planning.shell.lines import logical_lines
from train_tools.planning.shell.printed import printed_words
from train_tools.planning.shell.script import Call, Script, script_name
from train_tools.planning.shell.trainers import LORA_SCRIPTS, is_trainer
from train_tools.planning.shell.words import Word

__all__ = ["CommandLine", "Word", "read_command_line"]

# A backslash that belongs to a path of Windows; else it is bash's escape.
WINDOWS_PATH = re.compile(r"""(?:^|[\s"'=])(?:[A-Za-z]:\\|\.{1,2}\\|\\\\)""", re.MULTILINE)


LONGEST = 300_000  # characters; longer texts are no scripts


@dataclass(frozen=True)
class CommandLine:
    """`script` is the trainer's file that is called, empty where none is; `words` stand behind it, `before` before it.

    `variables` are None where the text doesn't say their value. `others` are further calls of LoRA trainers.
    """

    script: str
    words: tuple[Word, ...]
    variables: Mapping[str, str | None]
    before: tuple[Word, ...] = ()
    others: tuple[str, ...] = ()


def read_command_line(text: str) -> CommandLine:
    """The words of the call of a LoRA trainer, else of another trainer; without one, all words of the text but for
    assignments.

    Raises UsageError for a quote that is never closed, and for a text that is no script.
    """
    if len(text) > LONGEST:
        raise UsageError(f"the text has {len(text)} characters; a script has {LONGEST} at most")
    calls = [_call(words) for words in printed_words(text)]
    script = Script(escapes=not WINDOWS_PATH.search(text))
    if not any(call and call.script in LORA_SCRIPTS for call in calls):
        for line in logical_lines(text):
            script.read(line)
        script.finish()
    found = _best([*filter(None, calls), *script.calls])
    variables = {
        name: value.text if isinstance(value, Word) else None for name, value in script.variables.items()
    }
    if found is None:
        return CommandLine("", tuple(script.words), variables)
    others = [call.script for call in script.calls if call is not found and call.script in LORA_SCRIPTS]
    return CommandLine(found.script, tuple(_to_end(found.words)), variables, found.before, tuple(others))


def _best(calls: Sequence[Call]) -> Call | None:
    """The first that trains a LoRA by sd-scripts and is run; else the first of any other kind."""
    ranked = sorted(calls, key=lambda call: (call.script not in LORA_SCRIPTS, not call.is_run))
    return ranked[0] if ranked else None


def _call(words: Sequence[Word]) -> Call | None:
    for place, word in enumerate(words):
        if is_trainer(name := script_name(word.text)):
            return Call(name, tuple(words[:place]), tuple(words[place + 1 :]), True)
    return None


def _to_end(words: Sequence[Word]) -> Iterator[Word]:
    for word in words:
        if word.is_operator:
            return
        yield word
