"""Axes: what a person writes, and which cells that means."""

from __future__ import annotations

import pytest
from preview.samples import PROMPTS, settings

from train_tools.errors import UsageError
from train_tools.families import block_weights
from train_tools.families.registry import BY_NAME
from train_tools.preview.choice import chosen_checkpoints, chosen_names
from train_tools.preview.choosing import Chooser
from train_tools.preview.plan import plan_cells
from train_tools.preview.schedules import named_apart
from train_tools.preview.settings import PreviewSettings, weights_of
from train_tools.workspace.settings import build
from train_tools.workspace.workspace import Version

EPOCHS = (1, 2, 3, 5, 8, 10)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("all", EPOCHS),
        ("last", (10,)),
        ("last 2", (8, 10)),
        ("First 2, last", (1, 2, 10)),
        ("every 2", (2, 5, 10)),
        ("every 4", (2, 10)),
        ("2-5", (2, 3, 5)),
        ("1-10 (+7), 3", (1, 3, 8)),
        ("last 99", EPOCHS),
        ("4", ()),
    ],
)
def test_checkpoints(text: str, chosen: tuple[int, ...]) -> None:
    assert tuple(chosen_checkpoints(EPOCHS, EPOCHS, text)) == chosen


@pytest.mark.parametrize("text", ["latest", "every 0", "1.5", "", "-3"])
def test_checkpoints_that_mean_nothing(text: str) -> None:
    with pytest.raises(UsageError, match="checkpoints"):
        chosen_checkpoints(EPOCHS, EPOCHS, text)


def test_runs() -> None:
    names = ["base-lr-1", "base-lr-2", "odd[1]"]
    assert chosen_names(names, ()) == names
    assert chosen_names(names, ("*lr-?", "odd[1]")) == names
    assert chosen_names(names, ("odd[*",)) == ["odd[1]"]


def test_values_are_written_as_in_a_plan() -> None:
    made = build(
        PreviewSettings,
        {
            "weights": "0.2-1.0 (+0.4)", "seed": "1-3, 10", "steps": "20", "sizes": "512,768; 640",
            "sampler": "Euler, DPM++ 2M Karras", "block_weights": "OUTALL; 1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1",
            "base_models": '"a, b.safetensors", trained', "clip_skip": "1-2", "weights_te": "",
        },
    )  # fmt: skip
    assert made.weights == (0.2, 0.6, 1.0)
    assert made.seed == (1, 2, 3, 10)
    assert made.sizes == ("512,768", "640,640")
    assert made.sampler == ("Euler", "DPM++ 2M Karras")
    assert len(made.block_weights) == 2
    assert made.base_models == ("a, b.safetensors", "trained")
    assert made.weights_te == ()


def test_settings_of_before_are_one_value_each() -> None:
    """version.toml held numbers and texts where now several may stand."""
    made = build(
        PreviewSettings, {"seed": 3, "steps": 25, "cfg_scale": 7, "sampler": "Euler", "negative_prompt": "a"}
    )
    assert (made.seed, made.steps, made.cfg_scale) == ((3,), (25,), (7.0,))
    assert (made.sampler, made.negative_prompt) == (("Euler",), ("a",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": "0"}, "steps can't be 0"),
        ({"seed": "-1"}, "seed can't be -1"),
        ({"seed": ""}, "seed is empty"),
        ({"weights": "9"}, "weights can't be 9"),
        ({"weights": "none"}, "weights can't be none"),
        ({"sizes": "4"}, "sizes can't be 4"),
        ({"cfg_scale": "1-2"}, None),
        ({"cfg_scale": "1.5-2"}, "say the step"),
        ({"steps": [0]}, "steps is 0"),
    ],
)
def test_wrong_values_are_told(changes: dict[str, object], words: str | None) -> None:
    if words is None:
        assert build(PreviewSettings, changes).cfg_scale == (1.0, 2.0)
        return
    with pytest.raises(UsageError, match=words):
        build(PreviewSettings, changes)


def test_weights_of_unet_and_text_encoder() -> None:
    assert weights_of(settings(weights=(0.0, 1.0))) == [(0.0, 0.0), (1.0, 1.0)]
    assert weights_of(settings(weights=(1.0,), weights_unet=(0.5, 2.0))) == [(0.5, 1.0), (2.0, 1.0)]
    assert weights_of(settings(weights=(1.0,), weights_te=(0.5,))) == [(1.0, 0.5)]
    both = settings(weights=(0.0, 0.5, 1.0), weights_unet=(0.5, 1.0), weights_te=(1.0, 2.0))
    assert weights_of(both) == [(0.5, 1.0), (0.5, 2.0), (1.0, 1.0), (1.0, 2.0)]


def test_a_samplers_old_name_holds_its_scheduler() -> None:
    assert named_apart("DPM++ 2M Karras", "Automatic") == ("DPM++ 2M", "Karras")
    assert named_apart("DPM++ 2M", "Karras") == ("DPM++ 2M", "Karras")
    assert named_apart("Euler a", "Automatic") == ("Euler a", "Automatic")


def test_keys_name_all_that_a_picture_depends_on(version: Version) -> None:
    def keys(**changes: object) -> set[str]:
        chosen = settings(prompts=PROMPTS[:1], runs=("run-AdamW",), weights=(0.0, 1.0), **changes)
        return keys_of(version, chosen)

    plain = keys()
    assert len(plain) == 2
    for changes in (
        {"prompts": ("other",)}, {"negative_prompt": ("bad",)}, {"seed": (2,)}, {"steps": (3,)}, {"cfg_scale": (4.0,)},
        {"sampler": ("Euler",)}, {"scheduler": ("Uniform",)}, {"clip_skip": (2,)}, {"width": 72}, {"height": 72},
    ):  # fmt: skip
        both = settings(**{"prompts": PROMPTS[:1], "runs": ("run-AdamW",), "weights": (0.0, 1.0), **changes})
        assert not keys_of(version, both) & plain, changes
    blocks = keys(block_weights=("OUTALL",))
    assert len(blocks & plain) == 1  # without LoRA there are no blocks


def keys_of(version: Version, chosen: PreviewSettings) -> set[str]:
    return {cell.key for cell in plan_cells(version, chosen, Chooser(version, chosen, None)).cells}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("outall", {"lora_te_text_model_encoder_layers_0_mlp_fc1": 1, "lora_unet_down_blocks_0_attentions_0_x": 0,
                    "lora_unet_mid_block_attentions_0_proj_in": 0, "lora_unet_up_blocks_3_attentions_2_x": 1}),
        ("OUTX:0.5", {"lora_te_a": 0.5, "lora_unet_mid_block_attentions_0_x": 0.5,
                      "lora_unet_up_blocks_1_attentions_0_x": 1}),
        ("INX:0.2", {"lora_te_a": 1, "lora_unet_mid_block_attentions_0_x": 1,
                     "lora_unet_up_blocks_1_attentions_0_x": 0.2}),
        (",".join(map(str, range(17))), {
            "lora_te_a": 0, "lora_unet_down_blocks_0_attentions_0_x": 1, "lora_unet_down_blocks_2_attentions_1_x": 6,
            "lora_unet_mid_block_attentions_0_x": 7, "lora_unet_up_blocks_1_attentions_0_x": 8,
            "lora_unet_up_blocks_3_attentions_2_x": 16, "lora_unet_time_embedding_linear_1": 1.0,
        }),
        (",".join(map(str, range(26))), {
            "lora_unet_down_blocks_0_resnets_0_x": 2, "lora_unet_down_blocks_0_downsamplers_0_conv": 4,
            "lora_unet_input_blocks_4_1_x": 5, "lora_unet_middle_block_1_x": 13, "lora_unet_output_blocks_11_1_x": 25,
            "lora_unet_up_blocks_1_upsamplers_0_conv": 19,
        }),
        (",".join(map(str, range(12))), {"lora_unet_input_blocks_8_1_x": 4, "lora_unet_output_blocks_5_1_x": 11}),
    ],
)  # fmt: skip
def test_block_weights(text: str, values: dict[str, float]) -> None:
    blocks = block_weights.parse(text)
    assert {name: block_weights.factor(blocks, name) for name in values} == values


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("NONE", ""), ("ALL", "BASE IN04 IN05 IN07 IN08 MID OUT00 OUT01 OUT02 OUT03 OUT04 OUT05"),
        ("INS", "BASE IN04 IN05"), ("IND", "BASE IN07 IN08"), ("INALL", "BASE IN04 IN05 IN07 IN08"),
        ("MIDD", "BASE IN07 IN08 MID OUT00 OUT01 OUT02"), ("OUTALL", "BASE OUT00 OUT01 OUT02 OUT03 OUT04 OUT05"),
        ("OUTX:0", "OUT00 OUT01 OUT02 OUT03 OUT04 OUT05"), ("INX:0", "BASE IN04 IN05 IN07 IN08 MID"),
        (",".join(["1"] + ["0"] * 7 + ["1"] + ["0"] * 11), "BASE IN07"),
        (",".join(["0"] * 19 + ["1"]), ""),
    ],
)  # fmt: skip
def test_presets_are_for_the_blocks_that_sdxl_has(text: str, on: str) -> None:
    """Of the layers that a plain LoRA of SDXL changes, those on which it has an effect."""
    blocks = block_weights.parse(text, BY_NAME["sdxl"].network.blocks)
    names = {"BASE": "lora_te2_text_model_x", "MID": "lora_unet_middle_block_1_x"}
    names |= {f"IN{n:02}": f"lora_unet_input_blocks_{n}_1_x" for n in (4, 5, 7, 8)}
    names |= {f"OUT{n:02}": f"lora_unet_output_blocks_{n}_1_x" for n in range(6)}
    assert {block for block, name in names.items() if block_weights.factor(blocks, name)} == set(on.split())


@pytest.mark.parametrize("text", ["", "OUTX", "nothing", "1,2,3", "OUTALL:2", "a,b"])
def test_block_weights_that_mean_nothing(text: str) -> None:
    with pytest.raises(UsageError, match="write a preset"):
        block_weights.parse(text)
