"""Which network a run trains: what network_module and network_args say to networks.lora and to LyCORIS.

As sd-scripts 48d368fa and lycoris-lora 3.2.0 read them. Imports no torch: planning asks often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.network_args import LYCORIS
from train_tools.lora.presets import PRESETS

PLAIN = "networks.lora"
MODULES = (PLAIN, LYCORIS)
LOW_RANK, HADAMARD, KRONECKER = "low-rank", "hadamard", "kronecker"
# LyCORIS' names for the kinds that can be stacked.
ALGORITHMS = {"lora": LOW_RANK, "locon": LOW_RANK, "loha": HADAMARD, "lokr": KRONECKER}
LISTS = {
    "dims": "block_dims", "alphas": "block_alphas", "conv_dims": "conv_block_dims", "conv_alphas": "conv_block_alphas",
    "down": "down_lr_weight", "middle": "mid_lr_weight", "up": "up_lr_weight",
}  # fmt: skip
TUCKER = ("use_tucker", "use_cp", "use_conv_cp")


@dataclass(frozen=True)
class Lists:
    """Texts of the lists of blocks, "" where one isn't given."""

    dims: str = ""
    alphas: str = ""
    conv_dims: str = ""
    conv_alphas: str = ""
    down: str = ""
    middle: str = ""
    up: str = ""
    zero_threshold: float = 0.0

    @property
    def has_rates(self) -> bool:
        return bool(self.down or self.middle or self.up)

    @property
    def are_used(self) -> bool:
        return bool(self.dims) or self.has_rates


@dataclass(frozen=True)
class Network:
    """`conv_dim`: of kernels, None where they aren't trained, nor what lies beside them. Alphas of 0 are the rank."""

    is_lycoris: bool = False
    kind: str = LOW_RANK
    dim: int = 4
    alpha: float = 1.0
    conv_dim: int | None = None
    conv_alpha: float = 1.0
    lists: Lists = Lists()
    from_file: bool = False  # ranks and alphas are those of network_weights
    plus_all: float | None = None  # LoRA+
    plus_unet: float | None = None
    plus_text: float | None = None
    hidden_dropout: float = 0.0
    rank_dropout: float = 0.0
    module_dropout: float = 0.0
    preset: str = "full"
    tucker: bool = False
    scalar: bool = False
    root_scaled: bool = False
    decomposed: bool = False  # DoRA
    of_outputs: bool = True  # where its lengths are measured
    factor: int = -1
    both: bool = False
    whole: bool = False
    is_unbalanced: bool = False
    norms: bool = False  # weight and bias of normalisations, whole

    def plus(self, is_text: bool) -> float | None:
        """By how much the second factor learns faster; None: as the first one."""
        return (self.plus_text if is_text else self.plus_unet) or self.plus_all

    @property
    def is_beside(self) -> bool:
        """Whether two factors work beside each layer, and no weight is put together."""
        return self.kind == LOW_RANK and not (self.tucker or self.scalar or self.decomposed)

    @property
    def form(self) -> tuple[Any, ...]:
        """Equal for runs whose factors can be stacked."""
        if self.is_beside:
            return (LOW_RANK,)
        about = (self.kind, self.tucker, self.scalar, self.decomposed, self.decomposed and self.of_outputs)
        if self.kind != KRONECKER:
            return about
        # Whether its matrices are whole hangs on the ranks.
        return (
            *about, self.factor, self.both, self.whole, self.is_unbalanced,
            None if self.whole else (self.dim, self.conv_dim),
        )  # fmt: skip


def words_of(value: Any) -> dict[str, str]:
    """`["algo=loha", "conv_dim=4"]`; the last one of a name counts."""
    parted = (str(item).partition("=") for item in value or ())
    return {name.strip(): text.strip() for name, _, text in parted}


def read(
    module: str, dim: int, alpha: float, dropout: float, words: Mapping[str, str], from_file: bool = False
) -> Network:
    """Raises ValueError where a word's number is none; `why_not` has seen to it."""
    shared: dict[str, Any] = {
        "dim": dim, "alpha": alpha, "from_file": from_file, "plus_all": _number(words, "loraplus_lr_ratio"),
        "plus_unet": _number(words, "loraplus_unet_lr_ratio"),
        "plus_text": _number(words, "loraplus_text_encoder_lr_ratio"),
        "rank_dropout": _number(words, "rank_dropout") or 0.0,
        "module_dropout": _number(words, "module_dropout") or 0.0,
    }  # fmt: skip
    return _lycoris(words, shared) if module == LYCORIS else _plain(words, dropout, shared)


def _plain(words: Mapping[str, str], dropout: float, shared: dict[str, Any]) -> Network:
    texts = {field: words.get(name, "") for field, name in LISTS.items()}
    lists = Lists(**texts, zero_threshold=_number(words, "block_lr_zero_threshold") or 0.0)
    if shared["from_file"]:
        # Of a file sd-scripts makes a network with rates of blocks and nothing else.
        bare = dict.fromkeys(("plus_all", "plus_unet", "plus_text"))
        rates = Lists(down=lists.down, middle=lists.middle, up=lists.up, zero_threshold=lists.zero_threshold)
        return Network(**{**shared, **bare, "rank_dropout": 0.0, "module_dropout": 0.0, "lists": rates})
    conv_dim = _number(words, "conv_dim", int)
    conv_alpha = _number(words, "conv_alpha")
    return Network(
        **shared,
        conv_dim=conv_dim,
        conv_alpha=1.0 if conv_alpha is None else conv_alpha,
        lists=lists,
        hidden_dropout=dropout,  # the word `dropout` isn't read
    )


def _lycoris(words: Mapping[str, str], shared: dict[str, Any]) -> Network:
    conv_dim, conv_alpha = _number(words, "conv_dim", int), _number(words, "conv_alpha")
    factor = _number(words, "factor", int)
    return Network(
        **shared,
        is_lycoris=True,
        kind=ALGORITHMS[_algorithm(words)],
        conv_dim=shared["dim"] if conv_dim is None else conv_dim,
        conv_alpha=shared["alpha"] if conv_alpha is None else conv_alpha,
        preset=words.get("preset", "full"),
        tucker=any(_is_on(words, name) for name in TUCKER),
        scalar=_is_on(words, "use_scalar"),
        root_scaled=_is_on(words, "rs_lora"),
        decomposed=_is_on(words, "dora_wd"),
        of_outputs=_is_on(words, "wd_on_output", True),
        factor=-1 if factor is None else factor,
        both=bool(words.get("decompose_both")),  # any text is on, as it reads it
        whole=_is_on(words, "full_matrix"),
        is_unbalanced=_is_on(words, "unbalanced_factorization"),
        norms=_is_on(words, "train_norm"),
    )


def why_not(arguments: Mapping[str, Any]) -> list[str]:
    """One reason for each word that can't be packed."""
    module = str(arguments.get("network_module") or PLAIN)
    words = words_of(arguments.get("network_args"))
    if module not in MODULES:
        return []  # told of network_module itself
    given = arguments.get("base_weights_multiplier") or []
    reasons = [
        f"base_weights_multiplier {one!r} is no number"
        for one in (given if isinstance(given, list) else [given])
        if not _reads({"": str(one)}, "", float)
    ]
    reasons += [
        f"network_args {name}={words[name]}: it must be {'a whole number' if kind is int else 'a number'}"
        for name, kind in NUMBERS.items()
        if name in words and not _reads(words, name, kind)
    ]
    if module == LYCORIS:
        reasons += _not_of_lycoris(words)
        reasons += [
            f"{name} with {LYCORIS} is not known to the packed engine"
            for name in ("scale_weight_norms", "dim_from_weights")
            if arguments.get(name)
        ]
    return reasons


def _not_of_lycoris(words: Mapping[str, str]) -> list[str]:
    reasons, algorithm, preset = [], _algorithm(words), words.get("preset", "full")
    if algorithm not in ALGORITHMS:
        reasons.append(_unknown("algo", algorithm, tuple(ALGORITHMS)))
    if preset not in PRESETS:
        reasons.append(_unknown("preset", preset, tuple(PRESETS)))
    reasons += [
        f"network_args {name}={words[name]} is not known to the packed engine"
        for name in ("bypass_mode", "disable_conv_cp")
        if _is_on(words, name)
    ]
    if algorithm == "lokr" and _is_on(words, "rs_lora"):
        reasons.append("network_args rs_lora with algo=lokr is not known to the packed engine")
    if (
        _is_on(words, "train_norm")
        and _reads(words, "rank_dropout", float)
        and _number(words, "rank_dropout")
    ):
        # LyCORIS keeps there what it says it leaves out.
        reasons.append("network_args rank_dropout with train_norm is not known to the packed engine")
    return reasons


def _unknown(name: str, value: str, known: Sequence[str]) -> str:
    return f"network_args {name} = {value!r} is not known to the packed engine; it knows {', '.join(known)}"


def form(arguments: Mapping[str, Any]) -> tuple[Any, ...]:
    """Equal for runs whose networks can be stacked; of arguments that can be packed."""
    module = str(arguments.get("network_module") or PLAIN)
    words = words_of(arguments.get("network_args"))
    if why_not(arguments) or module not in MODULES:
        return (module, *sorted(words.items()))
    dim, alpha = int(arguments.get("network_dim") or 4), float(arguments.get("network_alpha") or 1)
    return read(module, dim, alpha, 0.0, words).form


NUMBERS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys((
        "conv_alpha", "rank_dropout", "module_dropout", "block_lr_zero_threshold", "loraplus_lr_ratio",
        "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio",
    ), float),
    "conv_dim": int, "factor": int,
}  # fmt: skip


def _algorithm(words: Mapping[str, str]) -> str:
    return (words.get("algo") or "lora").lower()


def _number(words: Mapping[str, str], name: str, kind: Callable[[str], Any] = float) -> Any:
    return kind(words[name]) if words.get(name) else None


def _reads(words: Mapping[str, str], name: str, kind: Callable[[str], Any]) -> bool:
    try:
        _number(words, name, kind)
    except ValueError:
        return False
    return True


def _is_on(words: Mapping[str, str], name: str, usual: bool = False) -> bool:
    """As LyCORIS reads it: whatever isn't `False`."""
    return words[name].lower() != "false" if words.get(name) else usual
