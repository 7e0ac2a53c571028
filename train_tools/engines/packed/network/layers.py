"""The network of each run of a pack on a base model: which layers, with which ranks and alphas, and how it begins."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator

from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.network.blocks import Blocks, blocks_of
from train_tools.engines.packed.network.rates import weights_of_blocks
from train_tools.engines.packed.network.words import HADAMARD, LOW_RANK, Network
from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya
from train_tools.lora.dropouts import Dropout, Dropouts
from train_tools.lora.fit import Fitted, Module, fit, merged_for_good
from train_tools.lora.kinds import hadamard, kronecker, low_rank, normalisation
from train_tools.lora.kinds.interface import number
from train_tools.lora.kinds.trained import SCALAR, Form, Shape, Trained, with_lengths
from train_tools.lora.presets import PRESETS
from train_tools.lora.stack import Delta, LoraStack
from train_tools.lora.targets import Target, in_order, layers_of, preset_targets, targets_of

Sizes = dict[str, tuple[int, float]]  # rank and alpha by a layer's name


def make_stack(
    configs: Sequence[RunConfig], base: BaseModel, device: torch.device, dtype: torch.dtype
) -> LoraStack:
    """The factors of all runs, as each begins. Raises UsageError where a list or a file doesn't fit the base model."""
    found: dict[str, Target] = {}
    sizes: list[Sizes] = []
    files: list[Fitted | None] = []
    for config in configs:
        file = _read(config.network_weights, base) if config.network_weights else None
        files.append(file)
        targets = _targets(config, base, file)
        sizes.append(_sizes(config, targets, file))
        found.update({target.name: target for target in targets})
    order = [name for name in in_order(base, base.family.network.names) if name in found]
    stack = LoraStack.of_sizes(
        [found[name] for name in order], sizes, device, dtype, _kind(configs[0].network)
    )
    for index, (config, file) in enumerate(zip(configs, files, strict=True)):
        if not any(delta.ranks[index] for delta in stack.deltas):
            raise UsageError(f"{config.output_name}: no layer is left to train; look at network_args")
        stack.initialise(index, config.seed)
        if file is not None:
            _start_from(stack, index, file, config)
    stack.dropouts = _dropouts(configs, device)
    return stack


def merge_base_weights(config: RunConfig, base: BaseModel) -> None:
    """Puts base_weights into the base model. Raises UsageError where one doesn't fit it."""
    for number_of, path in enumerate(config.base_weights):
        multipliers = config.base_weights_multiplier
        merged_for_good(_read(path, base), multipliers[number_of] if number_of < len(multipliers) else 1.0)


@functools.lru_cache(maxsize=8)
def _file(path: Path) -> kohya.LoraFile:
    """Read once: a pack that becomes smaller is made anew, and the file may be gone by then."""
    return kohya.read(path)


def _read(path: Path, base: BaseModel) -> Fitted:
    try:
        return fit(_file(path), layers_of(base, base.family.network.names))
    except TrainToolsError as error:
        raise UsageError(str(error)) from error


def _targets(config: RunConfig, base: BaseModel, file: Fitted | None) -> list[Target]:
    network, names = config.network, base.family.network.names
    if network.from_file:
        if file is None:
            raise UsageError(
                f"{config.output_name}: dim_from_weights needs network_weights, which says the rank"
            )
        found = [module.target for module in file.modules]
    elif network.is_lycoris:
        preset = PRESETS[network.preset]
        kernels = preset.kernels and bool(network.conv_dim)
        found = preset_targets(base, names, preset, kernels, network.norms)
    else:
        lists = network.lists
        found = targets_of(
            base, names, network.conv_dim is not None or (lists.are_used and bool(lists.conv_dims))
        )
    return [one for one in found if (config.train_text_encoder if one.is_text else config.train_unet)]


def _sizes(config: RunConfig, targets: Sequence[Target], file: Fitted | None) -> Sizes:
    network = config.network
    if network.from_file:
        assert file is not None
        if not file.is_plain:
            raise UsageError(
                f"{file.file.path.name} isn't of the kind that networks.lora trains; leave dim_from_weights out"
            )
        return {module.target.name: low_rank.rank_and_alpha(module.parts) for module in file.modules}
    of_blocks = _OfBlocks.read(network, [target.name for target in targets])
    found = {}
    for target in targets:
        if normalisation.is_of(tuple(target.layer.weight.shape)):
            found[target.name] = 1, 1.0  # it has no rank
            continue
        is_matrix = len(target.layer.weight.shape) == 2 or target.layer.weight.shape[2:].numel() == 1
        if of_blocks is not None and not target.is_text:
            rank, alpha = of_blocks.size(target.name, is_matrix)
        elif is_matrix:
            rank, alpha = network.dim, network.alpha
        else:
            rank, alpha = network.conv_dim or 0, network.conv_alpha
        if rank:
            found[target.name] = rank, _alpha(network, target, rank, alpha or rank)
    return found


def _alpha(network: Network, target: Target, rank: int, alpha: float) -> float:
    """Such that alpha / rank is the scale; so it stands in files, too."""
    if network.root_scaled:
        return alpha * math.sqrt(rank)
    if network.kind not in (LOW_RANK, HADAMARD):
        whole = _options(network).is_whole(tuple(target.layer.weight.shape), rank)
        return float(rank) if all(whole) else alpha
    return alpha


class _OfBlocks:
    """Ranks and alphas of each block of a UNet."""

    def __init__(self, network: Network, blocks: Blocks, weights: Sequence[float] | None) -> None:
        self._blocks = blocks
        lists, every = network.lists, blocks.count
        conv_alpha = network.conv_alpha
        self._dims = [network.dim] * every
        self._alphas: Sequence[float] = [network.alpha] * every
        self._conv_dims = [network.conv_dim or 0] * every
        self._conv_alphas: Sequence[float] = [conv_alpha] * every
        if lists.dims:
            self._dims = [int(one) for one in blocks.numbers("block_dims", lists.dims)]
        if lists.alphas:
            self._alphas = blocks.numbers("block_alphas", lists.alphas)
        if lists.conv_dims:
            self._conv_dims = [int(one) for one in blocks.numbers("conv_block_dims", lists.conv_dims)]
            if lists.conv_alphas:
                self._conv_alphas = blocks.numbers("conv_block_alphas", lists.conv_alphas)
        self._weights = weights or [1.0] * every

    @classmethod
    def read(cls, network: Network, names: Sequence[str]) -> _OfBlocks | None:
        """None where no list is given."""
        if not network.lists.are_used:
            return None
        rates = weights_of_blocks(network, names)
        return cls(network, blocks_of(names), rates.weights if rates else None)

    def size(self, name: str, is_matrix: bool) -> tuple[int, float]:
        place = self._blocks.place(name)
        if not self._weights[place]:
            return 0, 0.0
        if is_matrix:
            return self._dims[place], self._alphas[place]
        return self._conv_dims[place], self._conv_alphas[place]


def _kind(network: Network) -> Trained:
    def form(shape: Shape, rank: int) -> Form:
        if normalisation.is_of(shape):
            return normalisation.trained(shape)
        made = _options_of_kind(network)(shape, rank)
        return with_lengths(made, shape, of_outputs=network.of_outputs) if network.decomposed else made

    return form


def _options_of_kind(network: Network) -> Trained:
    if network.kind == LOW_RANK:
        return functools.partial(
            low_rank.trained, rebuilt=not network.is_beside, tucker=network.tucker, scalar=network.scalar
        )
    if network.kind == HADAMARD:
        return functools.partial(hadamard.trained, tucker=network.tucker, scalar=network.scalar)
    return functools.partial(kronecker.trained, options=_options(network))


def _options(network: Network) -> kronecker.Options:
    return kronecker.Options(
        network.factor, network.both, network.whole, network.is_unbalanced, network.tucker, network.scalar
    )


@torch.no_grad()
def _start_from(stack: LoraStack, index: int, file: Fitted, config: RunConfig) -> None:
    known = {delta.target.name: delta for delta in stack.deltas if delta.ranks[index]}
    for module in file.modules:
        name = module.target.name
        if not (config.train_text_encoder if module.target.is_text else config.train_unet):
            continue
        if name not in known or not _takes(known[name], index, module):
            raise UsageError(
                f"{config.output_name}: {file.file.path.name} doesn't fit the network that is trained ({name} is "
                "another there or missing here); give the network_module, network_args and network_dim that made it "
                "or set dim_from_weights"
            )


def _takes(delta: Delta, index: int, module: Module) -> bool:
    """A file's module as the beginning of a run's; its alpha is put into a factor, where the run has another."""
    rank = delta.ranks[index]
    given = number(module.parts, low_rank.ALPHA, rank) / rank / float(delta.scale[index])
    wanted = {factor.name for factor in delta.form.factors} - {SCALAR}
    if wanted != set(module.parts) - {low_rank.ALPHA}:
        return False
    for factor in delta.form.factors:
        own = delta.own(index, factor)
        if factor.name == SCALAR:
            own.fill_(1.0)
            continue
        values = module.parts[factor.name]
        if tuple(values.shape) != factor.saved_shape(rank):
            return False
        own.copy_(values.reshape(own.shape) * (given if factor.name in module.kind.scaled else 1.0))
    return True


def _dropouts(configs: Sequence[RunConfig], device: torch.device) -> Dropouts | None:
    rules = [
        Dropout(n.hidden_dropout, n.rank_dropout, n.module_dropout, n.is_lycoris)
        for n in (config.network for config in configs)
    ]
    if not any(rules):
        return None
    generators = [Generator(device).manual_seed(config.seed + 1) for config in configs]
    return Dropouts(rules, generators, [Generator().manual_seed(config.seed + 2) for config in configs])
