from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_tools.arguments.config_file import check, dumps, flattened, load
from train_tools.arguments.table import ARGUMENTS, ROWS
from train_tools.errors import UsageError
from train_tools.families.interface import Family, Found
from train_tools.families.registry import BY_NAME, FAMILIES
from train_tools.planning.defaults import defaults_for, written
from train_tools.workspace import toml

DATA = Path(__file__).parent / "data" / "arguments_of_sd_scripts_48d368fa.tsv"
SAMPLES: dict[str, Any] = {
    "int": 2, "float": 0.5, "str": "text", "flag": True, "str*": ["a=1"], "float*": [0.5], "int_or_float": 3,
}  # fmt: skip
WRONG: dict[str, list[Any]] = {
    "int": ["2", 2.5, True], "float": ["0.5", True], "str": [3, True], "flag": ["true", 1], "str*": ["a=1", [1]],
    "float*": ["0.5", ["a"]], "int_or_float": ["3", 100.0],
}  # fmt: skip


def base(family: Family, **more: Any) -> dict[str, Any]:
    """The least that a family needs."""
    files = {name: f"/models/{name}.safetensors" for name in family.training.required}
    places = {
        "train_data_dir": "/data",
        "output_dir": "/out",
        "resolution": "1024,1024",
        "max_bucket_reso": 2048,
    }
    chroma = {"model_type": "chroma", "apply_t5_attn_mask": True} if family.name == "chroma" else {}
    return {**files, **places, **chroma, "network_module": family.training.network_modules[0], **more}


def fatal(given: dict[str, Any], family: str) -> list[str]:
    return [problem.sentence for problem in check(given, BY_NAME[family]) if problem.is_fatal]


def lines() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_argument_is_accepted_or_refused_as_the_trainer_does(family: Family) -> None:
    trainer = family.training.script.removesuffix("train_network.py").rstrip("_") or "sd"
    its_own = [line for line in lines() if line["trainers"] == "*" or trainer in line["trainers"].split()]
    for row in ROWS:
        if row.name not in {line["argument"] for line in its_own}:
            value = ["a=1"] if row.kind == "list" else True if row.kind == "bool" else 1
            (problem,) = (
                p for p in check(base(family) | {row.name: value}, family) if p.argument == row.name
            )
            assert f"not of {family.title}" in problem.sentence
    for line in its_own:
        name = line["argument"]
        value = sample(name, line)
        found = [p for p in check(base(family) | {name: value}, family) if p.argument == name and p.is_fatal]
        # What remains is about other arguments that it needs.
        assert not [p for p in found if "needs" not in p.sentence and "can't go with" not in p.sentence], name
        for wrong in WRONG[OTHER_TYPES.get(name, line["type"])]:
            problems = check(base(family) | {name: wrong}, family)
            assert any(p.argument == name and p.is_fatal for p in problems), (name, wrong)


OTHER_TYPES = {"token_warmup_step": "int_or_float"}  # the table knows that it is one


def sample(name: str, line: dict[str, str]) -> Any:
    choices = json.loads(line["choices"])
    known = {"lr_scheduler": "linear", "optimizer_type": "pytorch_optimizer.CAME", "resolution": "640",
             "bucket_reso_steps": 64, "min_bucket_reso": 64, "max_bucket_reso": 2048, "network_module": "my.network",
             "vae_chunk_size": 16, "model_type": "flux"}  # fmt: skip
    default = json.loads(line["default"])
    if name in known:
        return known[name]
    return choices[-1] if choices else SAMPLES[line["type"]] if default in (None, "", False) else default


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("sd1", {"learning_rate": "1e-4"}, "write a number, without quotes"),
        ("sd1", {"network_dims": 4}, "did you mean network_dim"),
        ("sd1", {"resolution": 512}, 'as in "512,512"'),
        ("sd1", {"resolution": "wide"}, "WIDTH,HEIGHT"),
        ("sd1", {"lr_warmup_steps": 100.0}, "whole number of steps"),
        ("sd1", {"optimizer_type": "Lyon"}, "can't be 'Lyon'"),
        ("sd1", {"loss_type": "L2"}, "write 'l2'"),
        ("sd1", {"train_batch_size": 0}, "a whole number from 1"),
        ("sd1", {"training_comment": '"""x'}, "reader of TOML misreads"),
        ("sd1", {"training_comment": '"'}, "reader of TOML misreads"),
        ("sd1", {"network_args": [",a=1"]}, "reader of TOML misreads"),
        ("sd1", {"text_encoder_lr": [1e-4, -1.0]}, "at least 0"),
        ("sd1", {"pretrained_model_name_or_path": ""}, "pretrained_model_name_or_path is missing"),
        ("sd1", {"train_data_dir": None}, "ends at once without images"),
        ("sd1", {"t5xxl": "/t5"}, "is of Stable Diffusion 3, FLUX.1, Chroma, not of Stable Diffusion 1"),
        ("sd1", {"full_bf16": True}, "full_bf16 needs mixed_precision bf16"),
        ("sd1", {"adaptive_noise_scale": 0.1}, "needs noise_offset"),
        ("sd1", {"lr_warmup_steps": 10}, "can't go with lr_scheduler constant"),
        ("sd1", {"cache_latents": True, "color_aug": True}, "color_aug can't go with cache_latents"),
        ("sd1", {"enable_bucket": True, "bucket_reso_steps": 32}, "no multiple of 64"),
        ("sd1", {"enable_bucket": True, "resolution": "128"}, "min_bucket_reso 256 is above"),
        ("sd1", {"enable_bucket": True, "max_bucket_reso": 768}, "max_bucket_reso 768 is below"),
        ("sd1", {"enable_bucket": True, "resolution": "512+128"}, "min_bucket_reso 256 is above"),
        ("sd1", {"persistent_data_loader_workers": True, "max_data_loader_n_workers": 0}, "no processes to keep"),
        ("sdxl", {"cache_text_encoder_outputs": True}, "needs network_train_unet_only true"),
        ("sdxl", {"cache_text_encoder_outputs_to_disk": True, "shuffle_caption": True,
                  "network_train_unet_only": True}, "go with shuffle_caption"),
        ("flux", {"clip_l": None}, "clip_l is missing: this kind of base model needs that file"),
        ("flux", {"network_module": "networks.lora"}, "networks.lora doesn't know FLUX.1"),
        ("flux", {"timestep_sampling": "nextdit_shift"}, "timestep_sampling can't be 'nextdit_shift'"),
        ("flux", {"loss_type": "huber"}, "loss_type huber needs huber_schedule constant or exponential"),
        ("flux", {"blocks_to_swap": 4, "cpu_offload_checkpointing": True}, "can't go with cpu_offload"),
        ("chroma", {"apply_t5_attn_mask": False}, "model_type chroma needs apply_t5_attn_mask true"),
        ("hunyuan_image", {"fp8_scaled": True, "fp8_base": True, "mixed_precision": "bf16"}, "scaled fp8 takes"),
        ("anima", {"attn_mode": "xformers"}, "attn_mode xformers needs split_attn"),
    ],
)  # fmt: skip
def test_what_sd_scripts_would_fail_on_or_ignore(family: str, changes: dict[str, Any], words: str) -> None:
    assert fatal(base(BY_NAME[family]), family) == []
    given = base(BY_NAME[family], **changes)
    found = fatal(given, family)
    assert len(found) == 1
    assert words in found[0]
    with pytest.raises(UsageError, match="can't be given to"):
        dumps(given, BY_NAME[family])


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("sdxl", {"clip_skip": 2}, "clip_skip does nothing for Stable Diffusion XL"),
        ("flux", {"min_snr_gamma": 5.0}, "min_snr_gamma does nothing"),
        ("sd1", {"use_8bit_adam": True}, "set optimizer_type=AdamW8bit"),
        ("sd1", {"zero_terminal_snr": True}, "needs v_parameterization"),
        ("sd1", {"huber_c": 0.2}, "needs loss_type huber or smooth_l1"),
        ("sd1", {"sdpa": True, "xformers": True}, "only one way of attention"),
    ],
)
def test_what_trains_but_hardly_as_meant(family: str, changes: dict[str, Any], words: str) -> None:
    given = base(BY_NAME[family], **changes)
    (problem,) = check(given, BY_NAME[family])
    assert words in problem.sentence
    assert not problem.is_fatal
    assert next(iter(changes)) in dumps(given, BY_NAME[family])


def test_a_familys_own_defaults_can_be_trained() -> None:
    for family in FAMILIES:
        assert [
            p.sentence for p in check(base(family) | dict(family.training.defaults), family) if p.is_fatal
        ] == []


def test_numbers_that_a_run_keeps_as_texts_are_numbers_in_the_file() -> None:
    text = dumps(
        base(BY_NAME["sd1"], base_weights=["a", "b"], base_weights_multiplier=["1", "0.5"]), BY_NAME["sd1"]
    )
    assert toml.loads(text)["base_weights_multiplier"] == [1.0, 0.5]
    assert fatal(base(BY_NAME["sd1"], base_weights=["a"], base_weights_multiplier=["1"]), "sd1")
    with pytest.raises(UsageError, match="write a list of numbers"):
        dumps(base(BY_NAME["sd1"], base_weights=["a"], base_weights_multiplier=["half"]), BY_NAME["sd1"])


def test_a_part_of_the_settings_is_checked_alone() -> None:
    assert check({"network_dim": 8}, BY_NAME["sd1"], is_whole=False) == []
    assert len(check({"network_dim": "8"}, BY_NAME["sd1"], is_whole=False)) == 1


def test_sections_are_headings_as_sd_scripts_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        'seed = 1\n[model]\nvae = "a.pt"\n[training]\nseed = 2\nbetas = [0.9]\n', encoding="utf-8"
    )
    assert load(file) == {"seed": 2, "vae": "a.pt", "betas": [0.9]}
    assert flattened({"a": {"b": {"c": 1}}}) == {"b": {"c": 1}}


# What sd-scripts' reader of TOML takes for something else is refused, as tests above show.
TEXTS = st.text(min_size=1, max_size=12).filter(lambda text: text.strip('"') and not text.startswith('"""'))
VALUES = {
    "bool": st.booleans(),
    "int": st.integers(8, 100),
    "float": st.floats(0, 0.5),
    "int_or_ratio": st.integers(0, 500) | st.floats(0, 0.5),
    "str": TEXTS,
    "size": st.tuples(st.integers(8, 999), st.integers(8, 999)).map(lambda size: f"{size[0]},{size[1]}"),
    "list": st.lists(TEXTS.filter(lambda text: not text.startswith(",")), min_size=1, max_size=3),
}
FREE = [
    row for row in ROWS
    if not row.choices and not row.families and not row.needs and not row.excludes and not row.are_numbers
    and row.name not in ("network_module", "dataset_config", "optimizer_args", "initial_step", "clip_skip")
    and "bucket" not in row.name and row.maximum is None
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_is_written_is_read_again(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(FREE), max_size=8, unique_by=lambda row: row.name))
    drawn = {row.name: data.draw(VALUES[row.kind], label=row.name) for row in chosen}
    arguments = {**base(BY_NAME["sd1"]), **drawn}
    text = dumps(arguments, BY_NAME["sd1"])
    assert flattened(toml.loads(text)) == arguments
    assert list(toml.loads(text)) == [name for name in ARGUMENTS if name in arguments]
    assert text.startswith("# train_network.py\n")


def test_a_familys_own_default_is_told_from_the_general_one() -> None:
    """sd-scripts' scripts differ in some defaults; what runs must be what is shown."""
    values = defaults_for("base.safetensors", Found(BY_NAME["lumina"]))
    assert values["timestep_sampling"] == "shift"
    assert "timestep_sampling" not in written(values, "lumina")
    assert written({**values, "timestep_sampling": "sigma"}, "lumina")["timestep_sampling"] == "sigma"
    flux = {**defaults_for("base.safetensors", Found(BY_NAME["flux"])), "timestep_sampling": "sigma"}
    assert "timestep_sampling" not in written(flux, "flux")
