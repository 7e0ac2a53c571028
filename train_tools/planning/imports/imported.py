"""What an import gives: settings for a version's [training], and an account of everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from train_tools.arguments.families import FAMILIES
from train_tools.arguments.table import ARGUMENTS, KNOWN
from train_tools.errors import UsageError
from train_tools.planning.pasted import as_setting, modern, parse_pasted, typed_value

# Where a source says nothing, sd-scripts trains with its own default, which isn't ours. Not assumed: what differs from
# training to training anyway, what means the same, and what can't be left open here.
NOT_ASSUMED = frozenset({
    "max_train_epochs", "seed", "optimizer_type", "network_module", "resolution", "cache_latents",
})  # fmt: skip
MEANT = {"network_dim": 4}  # the rank of networks.lora where none is given


@dataclass(frozen=True)
class LeftOut:
    """Something in the source that has no setting here."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Imported:
    """`settings` are as version.toml takes them; `mapped` tells from which key each came.

    `assumed` are sd-scripts' defaults that the source relies on; they are among the settings.
    """

    source: str
    family: str
    settings: Mapping[str, Any]
    mapped: Mapping[str, str]
    assumed: Mapping[str, Any]
    left_out: tuple[LeftOut, ...]

    def changes(self) -> dict[str, Any]:
        """For `settings.update`: what is our default needn't be kept, so that it is None."""
        return {
            name: None if value == as_setting(ARGUMENTS[name], ARGUMENTS[name].default) else value
            for name, value in self.settings.items()
        }


@dataclass
class Collector:
    """Fills an Imported key by key; what can't be taken is left out with the reason."""

    source: str
    family: str
    settings: dict[str, Any] = field(default_factory=dict)
    mapped: dict[str, str] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    assumed: dict[str, Any] = field(default_factory=dict)

    def take(self, key: str, value: Any, name: str = "") -> None:
        """A value, as text or typed, for the argument of that name; by default it is called like the key."""
        if value == "":
            return  # an empty field says nothing
        row = ARGUMENTS.get(name or key)
        if row is None:
            self.leave(key, value, "sd-scripts has no such argument")
            return
        if row.chosen_by_us:
            self.leave(key, value, row.chosen_by_us)
            return
        if row.is_secret:
            self.leave(
                key, value, "it is secret, and settings are copied and shared; enter it where you train"
            )
            return
        if row.instead is not None and not _is_on(value):
            return
        if not row.is_known_in(self.family):
            self.leave(key, value, f"{FAMILIES[self.family].title} has no such argument")
            return
        try:
            target, typed = modern(row, typed_value(row, list(_words(value))))
        except UsageError as error:
            self.leave(key, value, str(error))
            return
        self.settings[target] = as_setting(ARGUMENTS[target], typed)
        self.mapped[target] = key

    def take_pasted(self, key: str, text: str) -> None:
        """Further arguments as text; they win over the fields."""
        try:
            pasted = parse_pasted(text)
        except UsageError as error:
            self.leave(key, text, str(error))
            return
        for name, value in pasted.settings.items():
            self.take_setting(key, name, value)
        for name, reason in pasted.left_out.items():
            self.leave(name, None, reason)

    def take_setting(self, key: str, name: str, value: Any) -> None:
        """A value as version.toml takes it already."""
        if ARGUMENTS[name].is_known_in(self.family):
            self.settings[name] = value
            self.mapped[name] = key
        else:
            self.leave(key, value, f"{FAMILIES[self.family].title} has no {name}")

    def leave(self, key: str, value: Any, reason: str) -> None:
        secret = key in ARGUMENTS and ARGUMENTS[key].is_secret
        self.left_out.append(LeftOut(key, "(secret)" if secret else value, reason))

    def take_epochs(self, key: str, epochs: Any, steps: Any) -> None:
        """Runs are counted in epochs here; steps alone can't be taken over."""
        if _is_on(epochs):
            self.take(key, epochs, "max_train_epochs")
            if _is_on(steps):
                self.leave("max_train_steps", steps, "the epochs count")
        elif _is_on(steps):
            self.leave("max_train_steps", steps, "runs are counted in epochs here; set max_train_epochs")

    def assume_defaults(self) -> None:
        """For a source that is complete: what it doesn't say is sd-scripts' default."""
        for name, row in KNOWN.items():
            if (
                name not in ARGUMENTS
                or row.default == row.sd_default
                or name in {*self.settings, *NOT_ASSUMED}
            ):
                continue
            if name == "network_dim" and self.settings.get("dim_from_weights"):
                continue  # network_weights says it
            self.settings[name] = as_setting(row, MEANT.get(name, row.sd_default))
            self.assumed[name] = self.settings[name]

    def result(self) -> Imported:
        ordered = {name: self.settings[name] for name in ARGUMENTS if name in self.settings}
        return Imported(
            self.source, self.family, ordered, self.mapped, self.assumed, tuple(self.left_out)
        )  # fmt: skip


def _is_on(value: Any) -> bool:
    return value not in (None, "", 0, "0", False, "None")


def _words(value: Any) -> Iterator[str]:
    """A value as the words that would stand behind its argument."""
    for item in value if isinstance(value, (list, tuple)) else [value]:
        yield str(item).lower() if isinstance(item, bool) else str(item)
