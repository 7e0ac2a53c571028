"""What an import gives: settings for a version's [training], and an account of everything else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from train_tools.arguments.current import current
from train_tools.arguments.table import ARGUMENTS, KNOWN
from train_tools.errors import UsageError
from train_tools.families.registry import BY_NAME
from train_tools.planning.imports.assumed import (
    NEVER,
    SAID,
    counts,
    differs,
    is_whole,
    not_taken,
    of_sd_scripts,
)
from train_tools.planning.imports.words import WORD_LISTS, right_words
from train_tools.planning.pasted import as_setting, modern, parse_what_is_right, typed_value

# Of other pictures than the version's own, which it would be trained on instead.
OTHER_IMAGES = {
    "dataset_config": "Train Tools trains on the version's own dataset; import that file for its settings",
    "in_json": "Train Tools trains on the version's own dataset",
    "dataset_class": "Train Tools trains on the version's own dataset",
    "conditioning_data_dir": "masks are the version's own, beside its images",
}
CAPTIONS = "a version's captions are always .txt, whatever they were called there"


@dataclass(frozen=True)
class LeftOut:
    """Something in the source that has no setting here, or that it doesn't say."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Imported:
    """`settings` are as version.toml takes them; `mapped` tells from which key each came.

    `assumed` are defaults of `program` that the source relies on; they are among the settings. `not_said` is what the
    source leaves open and what isn't assumed either, though it changes the training. `is_guess`: nothing in the source
    says which kind of base model it is for.
    """

    source: str
    family: str
    settings: Mapping[str, Any]
    mapped: Mapping[str, str]
    assumed: Mapping[str, Any]
    left_out: tuple[LeftOut, ...]
    not_said: tuple[LeftOut, ...] = ()
    program: str = "sd-scripts"
    is_guess: bool = False

    def changes(self) -> dict[str, Any]:
        """For `settings.update`: what is our default needn't be kept, so that it is None."""
        return {
            name: None if self._is_default(name, value) else value for name, value in self.settings.items()
        }

    def _is_default(self, name: str, value: Any) -> bool:
        """A family's own default is another: there the table's must be kept."""
        row = current().arguments[name]
        return value == as_setting(row, row.default) and name not in BY_NAME[self.family].training.defaults


@dataclass
class Collector:
    """Fills an Imported key by key; what can't be taken is left out with the reason."""

    source: str
    family: str
    program: str = "sd-scripts"
    is_guess: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    mapped: dict[str, str] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    not_said: list[LeftOut] = field(default_factory=list)
    assumed: dict[str, Any] = field(default_factory=dict)

    def take(self, key: str, value: Any, name: str = "") -> None:
        """A value, as text or typed, for the argument of that name; by default it is called like the key."""
        if value == "":
            return  # an empty field says nothing
        row = current().arguments.get(name or key)
        if row is None:
            self.leave(key, value, "sd-scripts has no such argument")
            return
        if row.is_secret:
            self.leave(
                key,
                value,
                "it is secret, and settings are copied and shared; set it in the program's settings",
            )
            return
        if row.chosen_by_us:
            self.leave(key, value, row.chosen_by_us)
            return
        if row.instead is not None and not is_on(value):
            return
        if not row.is_known_in(self.family):
            self.leave(key, value, f"{BY_NAME[self.family].title} has no such argument")
            return
        words = list(_words(value))
        if row.name in WORD_LISTS and not (words := self._right_words(key, row.name, words)):
            return
        try:
            target, typed = modern(row, typed_value(row, words))
        except UsageError as error:
            self.leave(key, value, str(error))
            return
        self._keep(key, target, typed)

    def _right_words(self, key: str, name: str, words: list[str]) -> list[str]:
        right, wrong = right_words(words)
        for word in wrong:
            self.leave(key, word, f"a word of {name} is name=value")
        return right

    def _keep(self, key: str, name: str, typed: Any) -> None:
        if name in OTHER_IMAGES:
            self.leave(key, typed, OTHER_IMAGES[name])
            return
        if name == "caption_extension" and (ending := f".{str(typed).strip().lstrip('.')}") != ".txt":
            self.leave(key, ending, CAPTIONS)
            return
        if name == "caption_extension":
            typed = ".txt"
        self.settings[name] = as_setting(current().arguments[name], typed)
        self.mapped[name] = key

    def take_pasted(self, key: str, text: str) -> None:
        """Further arguments as text; they win over the fields."""
        try:
            pasted = parse_what_is_right(text)
        except UsageError as error:
            self.leave(key, text, str(error))
            return
        for name, value in pasted.values.items():
            self.take_value(key, name, value)
        for name, reason in pasted.left_out.items():
            self.leave(name, None, reason)

    def take_value(self, key: str, name: str, value: Any) -> None:
        """A value of the argument's type."""
        if not current().arguments[name].is_known_in(self.family):
            self.leave(key, value, f"{BY_NAME[self.family].title} has no {name}")
        elif name in WORD_LISTS and isinstance(value, list):
            if right := self._right_words(key, name, value):
                self._keep(key, name, right)
        else:
            self._keep(key, name, value)

    def leave(self, key: str, value: Any, reason: str) -> None:
        row = current().arguments.get(key)
        secret = row is not None and row.is_secret
        self.left_out.append(LeftOut(key, "(secret)" if secret else value, reason))

    def take_epochs(self, key: str, epochs: Any, steps: Any) -> None:
        """Runs are counted in epochs here; steps alone can't be taken over."""
        if is_on(epochs):
            self.take(key, epochs, "max_train_epochs")
            if is_on(steps):
                self.leave("max_train_steps", steps, "the epochs count")
        elif is_on(steps):
            self.leave("max_train_steps", steps, "runs are counted in epochs here; set max_train_epochs")

    def assume_defaults(self, is_complete: bool, elsewhere: Collection[str] = ()) -> None:
        """What the source doesn't say is sd-scripts' default where it `is_complete`; else ours stays, which is said.

        `elsewhere`: what another file says that belongs to it.
        """
        family = BY_NAME[self.family]
        for name, row in KNOWN.items():
            is_open = name in ARGUMENTS and name not in self.settings and differs(row, family)
            if not is_open or not counts(name, self.settings):
                continue
            if is_complete and name not in NEVER and name not in elsewhere:
                self.settings[name] = as_setting(row, of_sd_scripts(row, family))
                self.assumed[name] = self.settings[name]
            elif name in SAID and self.mapped and not self._is_left(name):
                self.not_said.append(LeftOut(name, None, not_taken(row, family)))

    def _is_left(self, name: str) -> bool:
        """Whether a reason is given already why it isn't taken."""
        keys = {left.key.lstrip("-") for left in self.left_out}
        return name in keys or (name == "max_train_epochs" and "max_train_steps" in keys)

    def assume(self, defaults: Mapping[str, Any]) -> None:
        """Those of another program, for what its file doesn't say: name -> value; None where it takes none."""
        for name, value in defaults.items():
            row = ARGUMENTS[name]
            if name not in self.settings and row.is_known_in(self.family) and counts(name, self.settings):
                self.settings[name] = self.assumed[name] = as_setting(row, value)

    def is_whole(self, keys: Mapping[str, Any]) -> bool:
        return is_whole(keys)

    def result(self) -> Imported:
        texts = "cache_text_encoder_outputs"
        is_trained = self.settings.get("network_train_unet_only") is False
        if is_trained and BY_NAME[self.family].training.defaults.get(texts) and texts not in self.settings:
            # Our default there, which goes with a text encoder that stays as it is.
            self.settings[texts] = False
            self.mapped[texts] = self.mapped.get("network_train_unet_only", "")
        ordered = {name: self.settings[name] for name in current().arguments if name in self.settings}
        return Imported(
            self.source, self.family, ordered, self.mapped, self.assumed, tuple(self.left_out),
            tuple(self.not_said), self.program, self.is_guess,
        )  # fmt: skip


def is_on(value: Any) -> bool:
    """Whether a value says something; programs write what is off in many ways."""
    return value not in (None, "", 0, "0", False, "None", "none", "False", "false", [], {})


def _words(value: Any) -> Iterator[str]:
    """A value as the words that would stand behind its argument."""
    if isinstance(value, Mapping):
        yield from (f"{name}={_word(item)}" for name, item in value.items() if item not in (None, ""))
        return
    for item in value if isinstance(value, (list, tuple)) else [value]:
        yield str(item).lower() if isinstance(item, bool) else str(item)


def _word(value: Any) -> str:
    """As it stands behind name=: a list's numbers with commas between."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)
