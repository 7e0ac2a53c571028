"""Pictures as latents: all of a dataset once for all runs, or one run's as it sees them this time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from train_tools.base_model.identity import file_hash
from train_tools.dataset.buckets import Size
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.kept import NOTHING_KEPT, Kept, key_of
from train_tools.engines.packed.data.pictures import Item, Pictures, View
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.latents import CHANNELS, FACTOR

PIXELS_AT_ONCE = 4 * 512 * 512  # of pictures that are encoded together: the VAE's activations are large
IN_FULL = "the VAE can't encode in half precision; it does so in fp32 (no_half_vae)"


@dataclass(frozen=True)
class Needs:
    """What runs want of a dataset: mirrored pictures, latents (not where all see them otherwise each time), masks."""

    flip: bool = False
    latents: bool = True
    masks: tuple[str, ...] = ()
    interpolation: str = ""

    @classmethod
    def of(cls, configs: Sequence[RunConfig]) -> Needs:
        first = configs[0]
        kinds = sorted({config.masks for config in configs} - {""})
        is_kept = not all(config.is_varied for config in configs)
        return cls(first.flip_aug, is_kept, tuple(kinds), first.resize_interpolation)


@dataclass(frozen=True)
class Bucket:
    """Images of one shape: `latents` (count, 2 or 1, 4, h, w); the second is the mirrored one. Empty: none are kept.

    `masks` (count, 2 or 1, 1, h, w) are of each kind that a run has. `dataset` counts the run's sizes: those of two
    aren't mixed, even where their shapes are equal.
    """

    size: Size
    items: tuple[Item, ...]
    latents: Tensor
    order: tuple[int, ...]  # indices into items, each as often as it is repeated
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    dataset: int = 0


class Encoder:
    """Encodes what a run sees this time, on the base model's VAE."""

    def __init__(self, base: BaseModel, interpolation: str = "") -> None:
        self._base = base
        self.pictures = Pictures(interpolation)

    @torch.no_grad()
    def encode(self, items: Sequence[Item], views: Sequence[View], flips: Sequence[int]) -> Tensor:
        """(count, 4, h, w)."""
        latents, at_once = [], _at_once(items[0].bucket)
        for start in range(0, len(items), at_once):
            part = slice(start, start + at_once)
            pixels = [
                self.pictures.pixels(item, view) for item, view in zip(items[part], views[part], strict=True)
            ]
            turned = [one.flip(-1) if flip else one for one, flip in zip(pixels, flips[part], strict=True)]
            noise = [
                _noise(view.noise, item.bucket) for item, view in zip(items[part], views[part], strict=True)
            ]
            latents.append(self._base.encode_image(torch.stack(turned), torch.stack(noise)))
        found = torch.cat(latents)
        if not _are_whole(found, self._base):
            self._base.vae.float()
            print(IN_FULL, flush=True)
            return self.encode(items, views, flips)
        return found

    def masks(self, items: Sequence[Item], kind: str, views: Sequence[View], flips: Sequence[int]) -> Tensor:
        """(count, 1, h, w), cut as the pictures."""
        found = [self.pictures.mask(item, kind, view) for item, view in zip(items, views, strict=True)]
        return torch.stack([one.flip(-1) if flip else one for one, flip in zip(found, flips, strict=True)])


def encoded(
    items: Sequence[Item],
    base: BaseModel,
    needs: Needs,
    warn: Callable[[str], None],
    kept: Kept = NOTHING_KEPT,
    vae: str = "",
) -> list[Bucket]:
    """As `encode`; in full precision where the VAE can't do half, as SDXL's own in fp16."""

    def report(done: int, of: int) -> None:
        print(f"latents {done}/{of}", flush=True)

    buckets = encode(items, base, needs, report, kept, vae)
    if all(_are_whole(bucket.latents, base) for bucket in buckets):
        return buckets
    warn(IN_FULL)
    base.vae.float()
    return encode(items, base, needs, report, kept, vae)


def _are_whole(latents: Tensor, base: BaseModel) -> bool:
    return base.vae.dtype == torch.float32 or bool(latents.isfinite().all())


def _at_once(bucket: Size) -> int:
    return max(1, PIXELS_AT_ONCE // (bucket[0] * bucket[1]))


def encode(
    items: Sequence[Item],
    base: BaseModel,
    needs: Needs,
    report: Callable[[int, int], None],
    kept: Kept = NOTHING_KEPT,
    vae: str = "",
) -> list[Bucket]:
    """Encodes all images, one bucket after another; `report(done, of)` follows it. `vae` stands for its content.

    A latent is a sample of the encoder's distribution, drawn from a seed of the image's own: so all runs learn the
    same, whatever images are beside it.
    """
    pictures, done = Pictures(needs.interpolation), 0
    encoder = _Once(base, needs, pictures, kept, vae)
    buckets = []
    for dataset, size in sorted({(item.dataset, item.bucket) for item in items}):
        members = tuple(item for item in items if (item.dataset, item.bucket) == (dataset, size))
        latents, at_once = [], _at_once(size)
        for start in range(0, len(members), at_once):
            part = members[start : start + at_once]
            if needs.latents:
                latents += encoder.latents(part)
            done += len(part)
            report(done, len(items))
        order = tuple(i for i, item in enumerate(members) for _ in range(item.repeats))
        masks = {kind: _masks(members, kind, needs, pictures) for kind in needs.masks}
        buckets.append(
            Bucket(size, members, torch.stack(latents) if latents else torch.empty(0), order, masks, dataset)
        )
    return buckets


class _Once:
    """Each image is encoded once, today or on another day."""

    def __init__(self, base: BaseModel, needs: Needs, pictures: Pictures, kept: Kept, vae: str) -> None:
        self._base = base
        self._needs = needs
        self._pictures = pictures
        self._kept = kept
        self._vae = vae

    @torch.no_grad()
    def latents(self, items: Sequence[Item]) -> list[Tensor]:
        """(2 or 1, 4, h, w) of each."""
        contents = [file_hash(item.path) for item in items]
        keys = [self._key(item, content) for item, content in zip(items, contents, strict=True)]
        found = [kept["latents"] if (kept := self._kept.get(key)) else None for key in keys]
        missing = [index for index, latents in enumerate(found) if latents is None]
        if missing:
            noises = [_noise(_seed(contents[i]), items[i].bucket, views=2) for i in missing]
            noise = torch.stack(noises, dim=1)
            pixels = torch.stack([self._pictures.pixels(items[i]) for i in missing])
            views = [pixels, pixels.flip(-1)] if self._needs.flip else [pixels]
            made = torch.stack(
                [self._base.encode_image(view, own) for view, own in zip(views, noise, strict=False)], dim=1
            )
            for index, latents in zip(missing, made.cpu(), strict=True):
                if latents.isfinite().all():
                    self._kept.put(keys[index], {"latents": latents})
                found[index] = latents
        return [latents for latents in found if latents is not None]

    def _key(self, item: Item, content: str) -> str:
        dtype = str(self._base.vae.dtype)
        how = [item.resized, item.bucket, self._needs.interpolation, self._needs.flip]
        return key_of("latents", self._vae, dtype, self._base.device.type, content, how)


def _masks(items: Sequence[Item], kind: str, needs: Needs, pictures: Pictures) -> Tensor:
    masks = torch.stack([pictures.mask(item, kind) for item in items])
    views = [masks, masks.flip(-1)] if needs.flip else [masks]
    return torch.stack(views, dim=1)


def _noise(seed: int, bucket: Size, views: int = 0) -> Tensor:
    """For the latents of one picture (4, h, w), or of so many views of it (views, 4, h, w)."""
    shape = CHANNELS, bucket[1] // FACTOR, bucket[0] // FACTOR
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((views, *shape) if views else shape, generator=generator)


def _seed(content: str) -> int:
    return int(content[:15], 16)
