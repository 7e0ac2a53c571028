"""What is encoded once stays for the next pack."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from train_tools.engines.packed.data.captions import CaptionCache
from train_tools.engines.packed.data.encoding import Needs, encode
from train_tools.engines.packed.data.kept import UNUSED_DAYS, Kept, kept_beside, key_of
from train_tools.engines.packed.data.pictures import Item
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import narrow
from train_tools.families.stable_diffusion.base import BaseModel


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return narrow.build(KINDS["sdxl"])


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    made = []
    for number in range(3):
        Image.effect_noise((64, 64), 50 + number).save(tmp_path / f"{number}.png")
        made.append(
            Item(tmp_path / f"{number}.png", "1_zorb", "zorb", 1, (64, 64), (64, 64), original=(64, 64))
        )
    return made


def latents(
    items: list[Item], base: BaseModel, kept: Kept, vae: str = "vae", flip: bool = False
) -> torch.Tensor:
    (bucket,) = encode(items, base, Needs(flip=flip), lambda *_: None, kept, vae)
    return bucket.latents


class Counted:
    """Counts the pictures that a VAE encodes."""

    def __init__(self, base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        encoder = base.vae.encode

        def counted(pixels: torch.Tensor) -> object:
            self.count += len(pixels)
            return encoder(pixels)

        monkeypatch.setattr(base.vae, "encode", counted)


def test_images_are_encoded_once(
    items: list[Item], base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, vae = Kept(tmp_path / "cache"), Counted(base, monkeypatch)
    first = latents(items, base, kept)
    assert vae.count == 3
    assert torch.equal(latents(items[::-1], base, kept), first.flip(0))
    assert vae.count == 3
    # Beside others, or alone, an image's latents are the same but for rounding.
    torch.testing.assert_close(latents(items[:1], base, Kept(None)), first[:1])
    vae.count = 0
    Image.effect_noise((64, 64), 99).save(items[1].path)  # another picture under its name
    changed = latents(items, base, kept)
    assert vae.count == 1
    assert not torch.equal(changed[1], first[1])
    latents(items, base, kept, vae="another")
    assert latents(items, base, kept, flip=True).shape[1] == 2
    assert vae.count == 1 + 3 + 6


def test_what_is_damaged_or_foreign_is_made_anew(
    items: list[Item], base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, vae = Kept(tmp_path / "cache"), Counted(base, monkeypatch)
    first = latents(items, base, kept)
    one, two, three = sorted((tmp_path / "cache").rglob("*.safetensors"))
    data = bytearray(one.read_bytes())
    data[-5] ^= 1
    one.write_bytes(data)
    two.write_bytes(two.read_bytes()[:100])
    save_file({"latents": torch.zeros(1, 4, 8, 8)}, three)
    assert torch.equal(latents(items, base, kept), first)
    assert vae.count == 6
    assert torch.equal(latents(items, base, kept), first)
    assert vae.count == 6


def test_what_nobody_asks_for_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    for number in range(4):
        kept.put(key_of(number), {"a": torch.zeros(100)})
        (path,) = tmp_path.glob(f"??/{key_of(number)}*")
        os.utime(path, (time.time() - number * 86_400,) * 2)
    kept.tidy(time.time() + (UNUSED_DAYS - 2.5) * 86_400)
    assert [kept.get(key_of(number)) is not None for number in range(4)] == [True, True, True, False]
    monkeypatch.setattr("train_tools.engines.packed.data.kept.MOST_BYTES", 1000)
    kept.tidy()
    assert sum(kept.get(key_of(number)) is not None for number in range(4)) < 3


def test_texts_that_never_change_are_encoded_once(base: BaseModel, tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    cache = CaptionCache(base, 1, 75)
    cache.know({"a zorb", "a red ball"}, kept, "model")
    again = CaptionCache(base, 1, 75)
    again.encode = None  # type: ignore[method-assign,assignment]  # nothing is encoded any more
    again.know({"a zorb", "a red ball"}, kept, "model")
    first, second = cache.embed(["a zorb"]), again.embed(["a zorb"])
    assert torch.equal(first.hidden, second.hidden)
    assert first.pooled is not None
    assert second.pooled is not None
    assert torch.equal(first.pooled, second.pooled)
    other = CaptionCache(base, 1, 75)
    other.encode = None  # type: ignore[method-assign,assignment]
    with pytest.raises(TypeError):
        other.know({"a zorb"}, kept, "another model")


def test_only_runs_of_a_root_keep_something(tmp_path: Path) -> None:
    run = tmp_path / "train_tools" / "projects" / "p" / "versions" / "v" / "trains" / "run"
    kept_beside(run, "latents", "model").put(key_of(1), {"a": torch.zeros(1)})
    assert list((tmp_path / "train_tools" / "cache" / "latents").rglob("*.safetensors"))
    kept_beside(tmp_path / "run", "latents", "model").put(key_of(1), {"a": torch.zeros(1)})
    assert not (tmp_path / "cache").exists()


def test_nothing_of_an_unknown_model_is_kept(tmp_path: Path) -> None:
    run = tmp_path / "train_tools" / "projects" / "p" / "versions" / "v" / "trains" / "run"
    kept = kept_beside(run, "latents", "")
    kept.put(key_of(1), {"a": torch.zeros(1)})
    assert kept.get(key_of(1)) is None
    assert not (tmp_path / "train_tools" / "cache").exists()
