"""What the LoRA files of a family look like: what they say of themselves, what they call the layers, and its blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from train_tools.families.interface import Family, Head, Mark, any_of, is_marked
from train_tools.families.stable_diffusion import names as layout
from train_tools.lora.names import Names


@dataclass(frozen=True)
class Blocks:
    """A UNet's blocks as block weights and sd-scripts count them: inputs, a middle, outputs.

    `attended` are the inputs and the outputs with attention, which a plain LoRA changes. `middles` is how many learning
    rates sd-scripts has for the middle.
    """

    inputs: int
    outputs: int
    middles: int
    attended: tuple[tuple[int, ...], tuple[int, ...]]


SD = Blocks(12, 12, 1, ((1, 2, 4, 5, 7, 8), (3, 4, 5, 6, 7, 8, 9, 10, 11)))
XL = Blocks(9, 9, 3, ((4, 5, 7, 8), (0, 1, 2, 3, 4, 5)))


def original_paths(paths: Iterable[str]) -> Mapping[str, str]:
    """For each layer of diffusers' UNet the path that it has in an original checkpoint."""
    found = list(paths)
    with_attention = layout.up_blocks_with_attention(found)
    return {path: _original(path, with_attention) for path in found}


def _original(path: str, with_attention: Callable[[int], bool]) -> str:
    name = layout.unet_name(f"{path}.weight", with_attention)
    return name.removeprefix(layout.UNET_PREFIX).removesuffix(".weight")


@dataclass(frozen=True)
class LoraFiles:
    """`says` are the first words of `ss_base_model_version` or `modelspec.architecture`; `marks` are of the names of
    its tensors. `names` and `blocks` are of those that our own programs load.
    """

    says: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    names: Names | None = None
    blocks: Blocks | None = None


def _looks_at(width: int) -> Mark:
    """How wide the texts are that the UNet's layers look at."""
    return Mark(sides=(("attn2_to_k.lora_down.weight", 1, (width,)),))


# By family, as sd-scripts 48d368fa writes them (library/sai_model_spec, networks/). Stable Diffusion 1 and 2 have the
# same names: their LoRAs differ in widths alone.
LORA_FILES: Mapping[str, LoraFiles] = {
    "sd1": LoraFiles(("sd_v1", "stable-diffusion-v1"), (_looks_at(768),), Names(), SD),
    "sd2": LoraFiles(("sd_v2", "stable-diffusion-v2"), (_looks_at(1024),), Names(), SD),
    "sdxl": LoraFiles(
        ("sdxl", "stable-diffusion-xl"),
        (_looks_at(2048), *any_of("^lora_unet_input_blocks_4_1_", "^lora_unet_middle_block_1_",
                                  "^lora_te2_text_model_", lacks=("^lora_unet_joint_blocks_",))),
        Names(("lora_te1", "lora_te2"), original_paths),
        XL,
    ),
    "sd3": LoraFiles(("sd3", "stable-diffusion-3"), any_of("^lora_unet_joint_blocks_")),
    "hunyuan_image": LoraFiles(
        ("hunyuan-image", "hunyuan_image"), any_of("_img_mlp_fc1.", "_individual_token_refiner_")
    ),
    "chroma": LoraFiles(("chroma",), any_of("^lora_unet_distilled_guidance_layer_")),
    "flux": LoraFiles(("flux",), any_of("^lora_unet_double_blocks_", "^lora_unet_single_blocks_")),
    "lumina": LoraFiles(
        ("lumina",), any_of("^lora_unet_noise_refiner_", "^lora_unet_context_refiner_", "^lora_unet_layers_0_")
    ),
    "anima": LoraFiles(("anima",), any_of("^lora_unet_llm_adapter_", "^lora_unet_blocks_0_cross_attn_")),
}  # fmt: skip
NO_MORE = LoraFiles(())


def of_family(family: Family) -> LoraFiles:
    return LORA_FILES.get(family.name, NO_MORE)


def family_of(metadata: Mapping[str, str], head: Head) -> str:
    """The name of the family that a LoRA was trained on; "" where neither its metadata nor its names tell."""
    for key in ("ss_base_model_version", "modelspec.architecture"):
        said = metadata.get(key, "").lower()
        for name, files in LORA_FILES.items():
            if said.startswith(files.says):
                return name
    return next((name for name, files in LORA_FILES.items() if is_marked(files.marks, head)), "")
