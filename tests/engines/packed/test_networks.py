"""Each kind of network in a pack: as alone, gone on with, saved, drawn, and begun from files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from small_base import shallow_base
from torch import Tensor

from train_tools.engines.packed import support
from train_tools.engines.packed.__main__ import main
from train_tools.engines.packed.base import precision
from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.data.batches import Batch
from train_tools.engines.packed.life import metadata
from train_tools.engines.packed.network.layers import make_stack
from train_tools.engines.packed.step.pack import Pack
from train_tools.engines.packed.step.weights import own_numbers
from train_tools.errors import UsageError
from train_tools.families.layers import of_unet
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import fit, kohya
from train_tools.lora.norms import norms
from train_tools.lora.targets import layers_of
from train_tools.planning.lora_size import LoraShape, factors_of
from train_tools.workspace import toml

STEPS = 4
LYCORIS = "lycoris.kohya"


def plain(*words: str, **more: Any) -> dict[str, Any]:
    return {"network_args": list(words), **more}


def lycoris(*words: str, **more: Any) -> dict[str, Any]:
    return plain(*words, network_module=LYCORIS, **more)


DROPPED = ("rank_dropout=0.2", "module_dropout=0.2")
KINDS: dict[str, dict[str, Any]] = {
    "conv_dim": plain("conv_dim=3", "conv_alpha=1"),
    "blocks": plain("block_dims=" + ",".join(str(n % 4) for n in range(25)), "down_lr_weight=cosine", "conv_dim=1"),
    "LoRA+": plain("loraplus_lr_ratio=4"),
    "dropouts": plain(*DROPPED, "conv_dim=2", network_dropout=0.1),
    "norms": {"scale_weight_norms": 0.01},
    "LoCon": lycoris("algo=locon", "conv_dim=2"),
    "LoCon with dropouts": lycoris("algo=locon", *DROPPED),
    "LoCon in Tucker's form": lycoris("algo=lora", "use_tucker=True", "use_scalar=True", "conv_dim=2"),
    "DoRA": lycoris("algo=lora", "dora_wd=True"),
    "LoHa": lycoris("algo=loha", "conv_dim=2", "rank_dropout=0.1"),
    "LoHa with norms": lycoris("algo=loha", "train_norm=True", "module_dropout=0.2", "preset=attn-mlp"),
    "LoKr": lycoris("algo=lokr", "factor=4"),
    "LoKr in four, DoRA": lycoris(
        "algo=lokr", "factor=8", "decompose_both=True", "dora_wd=True", "use_tucker=True", network_dim=1,
    ),
}  # fmt: skip
QUICK = ("dropouts", "LoKr")
EACH = [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.thorough) for kind in KINDS]


@pytest.fixture(scope="module")
def base() -> BaseModel:
    torch.set_num_threads(1)
    return shallow_base()


@pytest.fixture(scope="module")
def exact() -> BaseModel:
    """In fp64: what differs there isn't rounding."""
    torch.set_num_threads(1)
    base = shallow_base()
    for module in (base.unet, base.text_encoders[0]):
        module.double()
    return base


def config(seed: int = 1, **changes: Any) -> RunConfig:
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1,
        "output_name": f"run {seed}", "learning_rate": 1e-3, "network_dim": 4, "network_alpha": 2, "seed": seed,
        **changes,
    }  # fmt: skip
    assert support.unsupported(arguments) == []
    return from_arguments(Path("run"), arguments)


def batch(run: RunConfig, base: BaseModel, step: int) -> Batch:
    """More than one token everywhere: else attention has no gradient but rounding."""
    generator = torch.Generator().manual_seed(100 * run.seed + step)
    latents = torch.randn(1, 4, 16, 16, generator=generator).to(base.dtype)
    return Batch(latents, [f"a picture of {run.seed}"], [1.0], [(128, 128, 0, 0, 128, 128)])


def train(pack: Pack, first: int, last: int) -> list[list[float]]:
    with pack.stack.attached():
        return [
            pack.step([batch(run, pack.base, step) for run in pack.configs]) for step in range(first, last)
        ]


def moved(pack: Pack, index: int, other: Pack, at: int) -> None:
    """Run `index` goes on in another pack."""
    schedule = json.loads(json.dumps(pack.optimizers[index].schedule))
    other.restore(at, pack.tensors(index), schedule)


def own(pack: Pack, index: int, of: Tensor) -> Tensor:
    return of[index][own_numbers(pack.stack.pieces, index)].detach().clone()


def gradients(pack: Pack, index: int, step: int) -> Tensor:
    rows = [batch(run, pack.base, step) for run in pack.configs]
    with pack.stack.attached():
        pack.backward(pack.losses(rows, pack.draw(rows)))
    return own(pack, index, pack.gradients)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("kind", EACH)
def test_a_run_goes_on_alone_as_in_a_pack_of_others(exact: BaseModel, kind: str) -> None:
    """Its neighbours have other ranks, and fewer layers, where the kind lets them."""
    given = KINDS[kind]
    is_lokr = "LoKr" in kind
    neighbours = [
        config(seed, **({**given, "network_dim": seed} if not is_lokr else given)) for seed in (2, 6)
    ]
    pack = Pack([neighbours[0], config(1, **given), neighbours[1]], exact, STEPS)
    if kind == "conv_dim":
        pack = Pack([config(2), config(1, **given), neighbours[1]], exact, STEPS)
    train(pack, 0, 2)
    alone = Pack([config(1, **given)], exact, STEPS)
    moved(pack, 1, alone, 0)
    together = train(pack, 2, STEPS)
    single = train(alone, 2, STEPS)
    assert [row[1] for row in together] == pytest.approx([row[0] for row in single], rel=1e-9)
    found, expected = own(pack, 1, pack.stack.flat), own(alone, 0, alone.stack.flat)
    assert found.numel() == expected.numel() == alone.stack.flat.shape[1]
    assert relative(found, expected) < 1e-9
    other = Pack([config(1, **given)], exact, STEPS)
    moved(alone, 0, other, 0)
    assert relative(gradients(pack, 1, STEPS), gradients(other, 0, STEPS)) < 1e-9


RATE = {"Prodigy": 0.5, "Lion": 1e-4}
OWN_RATES = ("blocks", "LoRA+")


@pytest.mark.thorough
@pytest.mark.parametrize("mixed", ["no", "bf16"])
@pytest.mark.parametrize("optimizer", ["AdamW", "Lion", "Prodigy", "Adafactor"])
@pytest.mark.parametrize("kind", KINDS)
def test_of_every_kind_with_every_optimizer(base: BaseModel, kind: str, optimizer: str, mixed: str) -> None:
    """Gradients from equal states; in bf16 they are rounded to three digits at each layer."""
    more = {"optimizer_type": optimizer, "learning_rate": RATE.get(optimizer, 1e-3), "mixed_precision": mixed}
    if optimizer == "Adafactor":
        more |= {"optimizer_args": ["relative_step=False", "scale_parameter=False"]}
    runs = [config(seed, **KINDS[kind], **more) for seed in (1, 2, 3)]
    pack = Pack(runs, base, STEPS)
    if optimizer == "Prodigy" and kind in OWN_RATES:
        with pytest.raises(RuntimeError, match="different lr values"):  # the plan says so before
            train(pack, 0, 2)
        return
    losses = train(pack, 0, 2)
    assert all(torch.isfinite(torch.tensor(row)).all() for row in losses)
    alone = Pack([runs[1]], base, STEPS)
    moved(pack, 1, alone, 0)
    assert relative(gradients(pack, 1, 2), gradients(alone, 0, 2)) < (1e-5 if mixed == "no" else 0.1)


@pytest.mark.parametrize(
    "kind",
    [
        "LoHa with norms",
        pytest.param("LoHa", marks=pytest.mark.thorough),
        pytest.param("LoKr in four, DoRA", marks=pytest.mark.thorough),
        "conv_dim",
    ],
)
def test_a_file_is_drawn_as_it_was_trained(base: BaseModel, kind: str, tmp_path: Path) -> None:
    given = {name: value for name, value in KINDS[kind].items() if "dropout" not in str(name)}
    given["network_args"] = [word for word in given["network_args"] if "dropout" not in word]
    pack = Pack([config(2, **given), config(1, **given)], base, STEPS)
    train(pack, 0, 3)
    path = tmp_path / "lora.safetensors"
    kohya.write(path, kohya.tensors_of(pack.stack, 1, torch.float32), {})
    file = fit.fit(kohya.read(path), layers_of(base, base.family.network.names))

    def predicted(count: int) -> Tensor:
        latents = batch(config(5), base, 0).latents.expand(count, -1, -1, -1)
        with torch.no_grad():
            told = base.embed(base.tokens(["a red ball"] * count))
            return base.predict(latents, torch.tensor([500.0] * count), told)[-1]

    before = predicted(2)
    with pack.stack.attached():
        trained = predicted(2)
    with fit.merged(file, lambda _: 1.0):
        drawn = predicted(2)
    assert (trained - before).abs().max() > 1e-3
    torch.testing.assert_close(drawn, trained, rtol=1e-3, atol=1e-4)


def test_weights_are_kept_as_short_as_each_run_wants(base: BaseModel) -> None:
    """networks.lora: both factors of what is longer are multiplied by the root of what is too much."""
    limits = (0.0, 0.005, 0.02)
    runs = [config(3, network_dim=2 + n, scale_weight_norms=limit) for n, limit in enumerate(limits)]
    free = Pack([config(3, network_dim=2 + n) for n in range(3)], base, STEPS)
    pack = Pack(runs, base, STEPS)
    train(free, 0, 1)
    train(pack, 0, 1)
    after: list[list[float]] = [[], [], []]
    shorter = [0, 0, 0]
    for delta, other in zip(pack.stack.deltas, free.stack.deltas, strict=True):
        for index, limit in enumerate(limits):
            product = other.up[index] @ other.down[index] * other.scale[index]
            length = float(product.detach().norm())
            kept = min(1.0, limit / max(length, limit / 2)) if limit else 1.0
            found = pack.stack.deltas[pack.stack.deltas.index(delta)]
            torch.testing.assert_close(found.up[index], other.up[index] * kept**0.5, rtol=1e-4, atol=1e-7)
            assert float(norms(delta)[index]) == pytest.approx(length * kept, rel=1e-3, abs=1e-6)
            after[index].append(length * kept)
            shorter[index] += kept < 1
    assert pack.lengths(0) is None
    for index in (1, 2):
        late = pack.lengths(index)
        assert late is not None
        count, average, longest = late.values()
        assert count == shorter[index]
        assert average == pytest.approx(sum(after[index]) / len(after[index]), rel=1e-3)
        assert longest == pytest.approx(max(after[index]), rel=1e-3)


def test_a_rate_of_a_block_is_its_own(base: BaseModel) -> None:
    words = ("down_lr_weight=" + ",".join(["0.5"] * 12), "mid_lr_weight=2", "loraplus_unet_lr_ratio=4")
    given = {"optimizer_type": "SGDNesterov", "optimizer_args": ["momentum=0.9"], "max_grad_norm": 0}
    pack = Pack([config(1, **plain(*words), **given), config(1, **given)], base, STEPS)
    with pack.stack.attached():
        pack.step([batch(pack.configs[0], base, 0)] * 2)
    for delta in pack.stack.deltas:
        name, faster = delta.target.name, 4.0
        if "down_blocks" in name or "mid_block" in name:
            faster *= 0.5 if "down_blocks" in name else 2
        faster = 1.0 if delta.target.is_text else faster
        torch.testing.assert_close(delta.up[0], delta.up[1] * faster, rtol=1e-3, atol=1e-8)


def files_of(base: BaseModel, folder: Path) -> dict[str, Path]:
    found = {}
    cases = {"plain": {}, "kernels": KINDS["conv_dim"], "LoHa": lycoris("algo=loha", "preset=attn-mlp")}
    for name, given in cases.items():
        pack = Pack([config(1, **given)], base, STEPS)
        train(pack, 0, 2)
        found[name] = folder / f"{name}.safetensors"
        kohya.write(found[name], kohya.tensors_of(pack.stack, 0, torch.float32), {})
    return found


@pytest.fixture(scope="module")
def files(base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return files_of(base, tmp_path_factory.mktemp("files"))


def test_a_run_goes_on_from_a_file(base: BaseModel, files: dict[str, Path]) -> None:
    """Of its kind; with another alpha it begins as strong as the file is."""
    kernels = {"network_weights": str(files["kernels"])}
    runs = [
        config(1, network_weights=str(files["plain"])),
        config(2, network_weights=str(files["plain"]), network_alpha=8),
        config(3, **KINDS["conv_dim"], **kernels),
        config(4, dim_from_weights=True, **kernels),
        config(5),
    ]
    stack = Pack(runs, base, STEPS).stack
    for index, name in enumerate(("plain", "plain", "kernels", "kernels")):
        saved, kept = kohya.tensors_of(stack, index, torch.float32), load_file(files[name])
        assert set(saved) == set(kept)
        for key, tensor in saved.items():
            if key.endswith("up.weight"):
                module = key.removesuffix("lora_up.weight")
                scale = float(kept[f"{module}alpha"] / saved[f"{module}alpha"])
                torch.testing.assert_close(tensor, kept[key] * scale)
            elif not key.endswith("alpha"):
                assert torch.equal(tensor, kept[key]), key
    assert not any(delta.up[4].any() for delta in stack.deltas)
    loha = config(1, **lycoris("algo=loha", "preset=attn-mlp"), network_weights=str(files["LoHa"]))
    begun = kohya.tensors_of(Pack([loha], base, STEPS).stack, 0, torch.float32)
    kept = load_file(files["LoHa"])
    assert set(begun) == set(kept)
    assert all(torch.equal(tensor, kept[key]) for key, tensor in begun.items())


@pytest.mark.parametrize(
    ("file", "given"),
    [
        ("plain", {"network_dim": 8}), ("kernels", {}), ("LoHa", {}), ("plain", lycoris("algo=loha")),
        ("LoHa", {"dim_from_weights": True}),
    ],
)  # fmt: skip
def test_a_file_of_another_network_is_refused(
    base: BaseModel, files: dict[str, Path], file: str, given: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=rf"{file}\.safetensors (doesn't fit the network|isn't of the kind)"):
        Pack([config(1, network_weights=str(files[file]), **given)], base, STEPS)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("block_dims=4,4,4", "holds 3 number"),
        ("down_lr_weight=cosign", "write numbers with commas between, or one of cosine"),
        ("block_dims=" + ",".join(["0"] * 25), None),
    ],
)
def test_lists_that_dont_fit_are_told(base: BaseModel, word: str, said: str | None) -> None:
    given = plain(word, network_train_unet_only=True)
    with pytest.raises(UsageError, match=said or "no layer is left to train"):
        Pack([config(1, **given)], base, STEPS)


def test_which_networks_share_a_pack() -> None:
    def key(given: dict[str, Any]) -> str:
        return support.pack_key({"network_dim": 4, **given})

    together = [KINDS[kind] for kind in ("conv_dim", "blocks", "LoRA+", "dropouts", "norms", "LoCon")]
    assert len({key(given) for given in together}) == 1
    assert key(lycoris("train_norm=True")) == key({})  # who trains none leaves them alone
    loha = lycoris("algo=loha")
    assert key(loha) == key({**loha, "network_dim": 8, "learning_rate": 1}) != key({})
    assert key(lycoris("algo=loha", "dora_wd=True")) != key(loha)
    lokr = lycoris("algo=lokr", "factor=4")
    assert key(lokr) != key({**lokr, "network_dim": 8})  # whether a matrix is whole hangs on it
    whole = lycoris("algo=lokr", "full_matrix=True")
    assert key(whole) == key({**whole, "network_dim": 8})
    assert key({"base_weights": ["a.safetensors"]}) != key({})


@pytest.mark.parametrize(
    ("given", "within"),
    [
        (KINDS["conv_dim"], 0.01), (plain("block_dims=" + ",".join(["2", "6"] * 12 + ["4"])), 0.1),
        (lycoris("algo=locon"), 0.05), (lycoris("algo=loha", "preset=attn-mlp", "train_norm=True"), 0.01),
        (lycoris("algo=lokr", "factor=4"), 0.5), (lycoris("algo=lokr", "factor=8", network_dim=100_000), 0.5),
    ],
)  # fmt: skip
def test_what_it_holds_is_known_before(base: BaseModel, given: dict[str, Any], within: float) -> None:
    """LoKr's nearly: it hangs on each layer's divisors."""
    modules = (base.unet, *base.text_encoders)
    shapes = {
        ("" if module is base.unet else "text_model.") + name.removeprefix("text_model."): tuple(tensor.shape)
        for module in modules
        for name, tensor in module.state_dict().items()
    }
    shape = LoraShape(
        of_unet(shapes), sum(tensor.numel() for m in modules for tensor in m.state_dict().values())
    )
    run = config(1, **given)
    told = factors_of(shape, {"network_dim": 4, **given})
    stack = make_stack([run], base, torch.device("cpu"), torch.float32)
    assert told.numbers == pytest.approx(stack.flat.shape[1], rel=within)
    assert told.layers == pytest.approx(len(stack.deltas), abs=4)  # LyCORIS' first and last layers


@pytest.fixture
def through_small_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(precision, "load", lambda *_, **__: shallow_base())
    yield


def test_runs_on_a_base_with_a_lora_in_it(
    tmp_path: Path, base: BaseModel, files: dict[str, Path], through_small_model: None
) -> None:
    """The whole engine: what base_weights change is trained on, and a LoKr is saved with what sd-scripts says of it."""
    images = tmp_path / "images" / "1_zorb"
    images.mkdir(parents=True)
    Image.new("RGB", (64, 64), (200, 90, 20)).save(images / "1.png")
    (images / "1.txt").write_text("zorb, red", encoding="utf-8")
    (tmp_path / "base.safetensors").write_bytes(b"stands for the model")
    losses = {}
    for name, more in {
        "bare": {},
        "on": {"base_weights": [str(files["plain"])], "base_weights_multiplier": ["40"]},
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        arguments = {
            "pretrained_model_name_or_path": str(tmp_path / "base.safetensors"),
            "train_data_dir": str(tmp_path / "images"),
            "caption_extension": ".txt", "resolution": "64,64", "max_train_epochs": 2, "learning_rate": 1e-3, "seed": 1,
            "network_dim": 4, "network_alpha": 2, "output_name": "lora", **lycoris("algo=lokr", "factor=8"), **more,
        }  # fmt: skip
        (folder / "run.toml").write_text(toml.dumps(arguments), encoding="utf-8")
        assert main([str(folder)]) == 0
        lines = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
        losses[name] = [line["loss"] for line in lines if line["event"] == "step"]
    assert losses["bare"][0] != pytest.approx(losses["on"][0], rel=1e-4)
    file = kohya.read(tmp_path / "on" / "lora.safetensors")
    assert file.metadata["ss_network_args"] == '{"algo": "lokr", "factor": "8", "dropout": null}'
    assert file.metadata["ss_network_module"] == LYCORIS
    assert {name.rpartition(".")[2] for name in file.tensors} >= {"lokr_w1", "lokr_w2", "alpha"}


def test_network_args_are_told_as_sd_scripts_tells_them() -> None:
    """train_network.py, 48d368fa: network_dropout is put among them, but where a file says what is trained."""
    run = config(1, **plain("conv_dim=4", "conv_alpha=1"), network_dropout=0.25)
    assert metadata._network_args(run) == '{"conv_dim": "4", "conv_alpha": "1", "dropout": 0.25}'
    of_file = config(
        1, **plain("down_lr_weight=sine"), dim_from_weights=True, network_weights="a.safetensors"
    )
    assert metadata._network_args(of_file) == '{"down_lr_weight": "sine"}'
