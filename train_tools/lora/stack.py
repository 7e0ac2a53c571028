"""K LoRAs on one frozen model, all computed in one pass.

A batch of N = K x B samples runs through the base once. Sample n belongs to LoRA n // B.
Every target layer W adds, to each LoRA's own slice of its output,

    scale_k * multiplier_n * B_k (A_k x),        scale_k = alpha_k / rank_k

(Hu et al. 2021, https://arxiv.org/abs/2106.09685) by batched matrix products, or what another kind of network makes of
its factors (`kinds.trained`). All factors live in one buffer (K, P); each is a view (K, ...) into it, so nothing is
stacked or copied in a step. Smaller ranks are padded with zeros, which stay zero. In training, linear layers and
convolutions of single pixels are computed together with their deltas (`fused`).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .dropouts import NOTHING, Dropouts, Left, Middle
from .fused import Fused, Gradients, Slot, is_of_pixels
from .kinds import low_rank
from .kinds.trained import Factor, Form, Trained
from .products import beside_kernel, beside_linear, beside_other, beside_point, rebuilt, run_scales
from .targets import Target


@dataclass
class Delta:
    """The factors of one target, by their names in files: each (K, ...), padded to the largest rank; `scale` (K, 1, 1).

    `ranks` and `alphas` are each LoRA's own; a rank of 0: it leaves this layer alone. `slots` are the factors as they
    lie in memory, which is how they are trained; `gradients` are views into the buffer, in the factors' shapes.
    """

    target: Target
    form: Form
    factors: dict[str, Tensor]
    scale: Tensor
    ranks: tuple[int, ...]
    alphas: tuple[float, ...]
    slots: dict[str, Slot] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)

    @property
    def down(self) -> Tensor:
        """(K, R, in) of two factors beside the layer."""
        return self.factors[low_rank.DOWN]

    @property
    def up(self) -> Tensor:
        """(K, out, R)."""
        return self.factors[low_rank.UP]

    def own(self, index: int, factor: Factor) -> Tensor:
        """LoRA `index`'s numbers of a factor, as a view without the padding."""
        return self.factors[factor.name][index][factor.own(self.ranks[index])]


class Piece(NamedTuple):
    """A factor of a layer, and where it lies in the buffer."""

    delta: Delta
    factor: Factor
    place: slice

    def of(self, buffer: Tensor) -> Tensor:
        """Its numbers in a buffer (K, P), as a view (K, ...)."""
        shape = self.factor.own_shape(max(self.delta.ranks))
        stored = shape[::-1] if self.factor.is_turned else shape
        return self.factor.turned(buffer[:, self.place].view(len(buffer), *stored))

    @property
    def is_up(self) -> bool:
        """What LoRA+ trains faster, by its name, as sd-scripts and LyCORIS find it."""
        return "lora_up" in self.factor.name


class LoraStack:
    """K LoRAs of one kind over the same targets; their ranks and alphas may differ, and a LoRA may lack a target."""

    def __init__(
        self,
        targets: Sequence[Target],
        ranks: Sequence[int],
        alphas: Sequence[float],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`ranks` and `alphas` of each LoRA, the same for all its targets."""
        self.ranks = tuple(ranks)
        rows = [(target, self.ranks, tuple(map(float, alphas))) for target in targets]
        self._make(rows, low_rank.trained, device, dtype)

    @classmethod
    def of_sizes(
        cls,
        targets: Sequence[Target],
        sizes: Sequence[Mapping[str, tuple[int, float]]],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        kind: Trained = low_rank.trained,
    ) -> LoraStack:
        """`sizes` are each LoRA's rank and alpha by the target's name; what none has is left out."""
        made = cls.__new__(cls)
        rows = []
        for target in targets:
            own = [of_lora.get(target.name, (0, 0.0)) for of_lora in sizes]
            if any(rank for rank, _ in own):
                rows.append((target, tuple(rank for rank, _ in own), tuple(alpha for _, alpha in own)))
        made.ranks = tuple(max((rank for rank, _ in one.values()), default=0) for one in sizes)
        made._make(rows, kind, device, dtype)
        return made

    def _make(
        self,
        rows: Sequence[tuple[Target, tuple[int, ...], tuple[float, ...]]],
        kind: Trained,
        device: torch.device | None,
        dtype: torch.dtype,
    ) -> None:
        self.count = len(self.ranks)
        scales: dict[tuple[float, ...], Tensor] = {}  # few are different
        self.deltas: list[Delta] = []
        # The text encoders' part first: a LoRA's parameters are few contiguous pieces.
        for target, ranks, alphas in sorted(rows, key=lambda row: not row[0].is_text):
            own = run_scales(ranks, alphas)
            if own not in scales:
                scales[own] = torch.tensor(own, device=device, dtype=dtype).view(-1, 1, 1)
            form = _form(kind, target, ranks)
            self.deltas.append(Delta(target, form, {}, scales[own], ranks, alphas))
        self.pieces = _laid_out(self.deltas)
        size = self.pieces[-1].place.stop if self.pieces else 0
        self.flat = torch.zeros(self.count, size, device=device, dtype=dtype)
        for piece in self.pieces:
            name = piece.factor.name
            piece.delta.factors[name] = piece.of(self.flat)
            stored = piece.factor.turned(piece.delta.factors[name])
            piece.delta.slots[name] = Slot(stored, piece.place)
        self._working = self.flat
        self._gradients: Gradients | None = None
        self.dropouts: Dropouts | None = None
        self._multipliers: Sequence[Tensor] | None = None

    @torch.no_grad()
    def initialise(self, index: int, seed: int) -> None:
        """As the trainers of its kind begin; from `seed` alone."""
        generator = torch.Generator().manual_seed(seed)
        for delta in self.deltas:
            if rank := delta.ranks[index]:
                for factor in delta.form.factors:
                    values = factor.start(factor.saved_shape(rank), generator, delta.target.layer.weight)
                    own = delta.own(index, factor)
                    own.copy_(values.reshape(own.shape))

    def train_into(self, precision: torch.dtype | None = None) -> Tensor:
        """Makes the factors trainable; returns the buffer (K, P) of their gradients. `precision` is computed in."""
        gradients = torch.zeros_like(self.flat)
        slots = []
        for piece in self.pieces:
            slots.append(piece.delta.slots[piece.factor.name])
            slots[-1].parameter.requires_grad_()
            piece.delta.gradients[piece.factor.name] = piece.of(gradients)
        if precision not in (None, self.flat.dtype):
            self._working = torch.empty_like(self.flat, dtype=precision)
        self._gradients = Gradients(gradients, slots)
        return gradients

    def begin(self) -> None:
        """Before a pass that is trained on: what is left out by chance is drawn anew, and computed with what is now."""
        if self.dropouts:
            self.dropouts.begin()
        if self._working is not self.flat:
            with torch.no_grad():
                self._working.copy_(self.flat)

    def collect(self, *, onto: bool = False) -> None:
        """After a backward pass: its gradients are in the buffer, or added `onto` those in it."""
        assert self._gradients is not None
        self._gradients.collect(onto=onto)

    def whole(self) -> contextlib.AbstractContextManager[None]:
        """Within this context nothing is left out."""
        return self.dropouts.off() if self.dropouts else contextlib.nullcontext()

    @contextlib.contextmanager
    def attached(self) -> Iterator[LoraStack]:
        """Within this context the target layers add their deltas."""
        anchor = torch.zeros((), device=self.flat.device, requires_grad=True)
        with contextlib.ExitStack() as undone:
            for index, delta in enumerate(self.deltas):
                layer, hook = delta.target.layer, self._hook(index, delta)
                if self._gradients is not None and self._is_plain(delta):
                    undone.enter_context(self._fused(delta, hook, anchor).attached())
                else:
                    undone.callback(layer.register_forward_hook(hook).remove)
            yield self

    def _is_plain(self, delta: Delta) -> bool:
        layer = delta.target.layer
        return delta.form.is_low_rank and (isinstance(layer, nn.Linear) or is_of_pixels(layer))

    def _fused(self, delta: Delta, hook: Any, anchor: Tensor) -> Fused:
        down, up = delta.slots[low_rank.DOWN], delta.slots[low_rank.UP]
        scales = set(run_scales(delta.ranks, delta.alphas))
        alpha = scales.pop() if len(scales) == 1 else None
        return Fused(
            delta.target.layer, down.of(self._working), up.of(self._working), (down, up),
            delta.scale.to(self._working.dtype) if alpha is None else None, 1.0 if alpha is None else alpha, anchor,
            hook, lambda: self._multipliers is not None or bool(self.dropouts),
        )  # fmt: skip

    @contextlib.contextmanager
    def multiplied(self, multipliers: Tensor | Sequence[Tensor]) -> Iterator[None]:
        """Within this context each sample's delta is multiplied by its entry of (K, B), one for each of `deltas`.

        A single tensor is for all of them.
        """
        is_one = isinstance(multipliers, Tensor)
        self._multipliers = [multipliers] * len(self.deltas) if is_one else list(multipliers)
        try:
            yield
        finally:
            self._multipliers = None

    def _hook(self, index: int, delta: Delta) -> Any:
        add = _added(delta)

        def hook(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            multiplier = self._multipliers[index] if self._multipliers else None
            left = self._left_out(index, delta, inputs[0], output) if self.dropouts else NOTHING
            return add(inputs[0], output, multiplier, left)

        return hook

    def _left_out(self, index: int, delta: Delta, x: Tensor, output: Tensor) -> Left:
        assert self.dropouts is not None
        middle = None
        if delta.form.is_low_rank:
            samples = len(x) // self.count
            is_kernel = isinstance(delta.target.layer, nn.Conv2d)
            places = output.shape[2:].numel() if is_kernel else output.shape[1:-1].numel()
            middle = Middle(samples, places, is_kernel)
        return self.dropouts.of(index, delta.ranks, delta.target.out_features, middle, delta.scale)


def _form(kind: Trained, target: Target, ranks: Sequence[int]) -> Form:
    """That of all runs: whose factors have others can't be stacked, as LoKr's whose ranks make one of them whole."""
    shape = tuple(target.layer.weight.shape)
    forms = [kind(shape, rank) for rank in sorted({rank for rank in ranks if rank})]
    shapes = {tuple((factor.name, factor.shape) for factor in form.factors) for form in forms}
    assert len(shapes) == 1, f"{target.name} has factors of several forms"
    return forms[0]


def _laid_out(deltas: Sequence[Delta]) -> list[Piece]:
    """In each part, a text encoder or the UNet, what LoRA+ trains faster lies behind the rest."""
    part = {delta.target.part: number for number, delta in reversed(list(enumerate(deltas)))}
    found = [Piece(delta, factor, slice(0)) for delta in deltas for factor in delta.form.factors]
    found.sort(key=lambda piece: (part[piece.delta.target.part], piece.is_up))
    pieces, start = [], 0
    for delta, factor, _ in found:
        shape = factor.own_shape(max(delta.ranks))
        end = start + torch.Size(shape).numel()
        pieces.append(Piece(delta, factor, slice(start, end)))
        start = end
    return pieces


def _added(delta: Delta) -> Any:
    """The function that adds a layer's delta: of its input, its output, multipliers and what is left out."""
    layer = delta.target.layer
    if delta.form.added is not None:
        present = torch.tensor([float(rank > 0) for rank in delta.ranks]).to(delta.scale).view(-1, 1, 1)
        whole = None if all(delta.ranks) else present
        return functools.partial(rebuilt, delta.form, delta.factors, delta.scale, whole, layer)
    if delta.form.beside is not None:
        return functools.partial(beside_other, delta.form.beside, delta.factors, delta.scale, layer)
    down, up = (delta.slots[name].parameter for name in (low_rank.DOWN, low_rank.UP))
    factors = down, up, delta.scale
    if not isinstance(layer, nn.Conv2d):
        return functools.partial(beside_linear, factors)
    if layer.kernel_size == (1, 1):
        return functools.partial(beside_point, factors)
    return functools.partial(beside_kernel, factors, layer)
