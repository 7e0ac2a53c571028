"""What is no base model at all, though it has a model's ending: each with what it is and what to get instead."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.families.interface import Fault, Mark, any_of

BASE = "choose a base model; to go on from this file, set network_weights"
WHOLE = "get the whole checkpoint, with its VAE and text encoder"
FULL = "get the file in fp16, bf16 or plain fp8"
CHOOSE = "choose a base model"
# A denoiser of whatever family: a file that has one isn't merely a VAE or a text encoder.
DENOISER = (
    "diffusion_model.", ".input_blocks.", "^input_blocks.", "^down_blocks.", "transformer_blocks.", "double_blocks.",
    "single_blocks.", "joint_blocks.", "^blocks.", "^net.",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    what: str
    instead: str
    marks: tuple[Mark, ...]

    @property
    def fault(self) -> Fault:
        return Fault("foreign", self.what, self.instead)


# Looked for first: they bear the names of the model that they change.
ADAPTERS: tuple[Kind, ...] = (
    Kind("a ControlNet, not a base model", CHOOSE,
         any_of("^control_model.", "controlnet_cond_embedding.", "controlnet_down_blocks.", "controlnet_mid_block.",
                "controlnet_blocks.", "controlnet_x_embedder.", "controlnet_mode_embedder.", "input_hint_block.",
                "lllite_", "lora_controlnet")),
    Kind("a LoRA or LyCORIS, not a base model", BASE,
         any_of("lora_up.", "lora_down.", "lora_A.", "lora_B.", ".lora.up.", ".lora.down.", "^lora_unet_", "^lora_te",
                "^lora_transformer_", "^lycoris_", "^oft_", "lora_linear_layer.", "proj_lora", ".on_input$", ".hada_w1",
                ".lokr_w1", ".oft_blocks", ".oft_diag", ".oft_R.",
                ".dora_scale", "to_q_lora.", "to_k_lora.", ".glora_", ".lora_mid.")),
    Kind("an IP-Adapter, not a base model", CHOOSE, any_of("^image_proj.", "^ip_adapter.", ".to_k_ip.")),
    Kind("a T2I-Adapter, not a base model", CHOOSE, any_of("^adapter.body.", "^body.0.resnets.", "^body.0.block1.")),
    Kind("a motion module of AnimateDiff, not a base model", CHOOSE, any_of("motion_modules.")),
    Kind("an embedding (textual inversion), not a base model", CHOOSE,
         (*any_of("^string_to_param.", "^emb_params$", "^string_to_token"),
          *any_of("^clip_l$", "^clip_g$", "^<", lacks=DENOISER))),
    Kind("a hypernetwork, not a base model", CHOOSE, any_of("^768.0.", "^320.0.", "^640.0.", "^1280.0.")),
)  # fmt: skip
# Weights in formats that only drawing reads.
QUANTISED: tuple[Kind, ...] = (
    Kind("quantised (NF4 or FP4 of bitsandbytes), which can be drawn with, not trained on", FULL,
         any_of(".quant_state.bitsandbytes", ".absmax$", ".quant_map$")),
    Kind("quantised (SVDQuant, GPTQ or AWQ), which can be drawn with, not trained on", FULL,
         any_of(".qweight$", ".qzeros$", ".wscales$", ".smooth_factor")),
    Kind("quantised (int8 or a format of ComfyUI), which can be drawn with, not trained on", FULL,
         any_of(".SCB$", "weight_format$", ".comfy_quant$", ".weight_qtype", ".weight._data$")),
    Kind("in scaled fp8, which can be drawn with, not trained on", FULL,
         any_of("scaled_fp8$", ".scale_weight$", ".weight_scale$", ".scale_input$", ".input_scale$")),
)  # fmt: skip
# Looked for last: whole checkpoints hold these, too.
PARTS: tuple[Kind, ...] = (
    Kind("an upscaler, not a base model", CHOOSE,
         any_of("^params_ema.", "^params.", "^conv_first.", "^model.1.sub.", "residual_group.", "RDB1.", ".rdb1.",
                lacks=DENOISER)),
    Kind("a VAE alone, not a base model", "choose a base model, and give this file as vae or ae",
         any_of("^first_stage_model.", "^vae.", "decoder.conv_in.", "encoder.conv_in.", "decoder.conv_out.",
                "decoder.up_blocks.", "decoder.up.0.", "decoder.middle.0.", "encoder.downsamples.", "^quant_conv.",
                "^decoder.1.weight", "^encoder.0.weight", "decoder.conv1.", lacks=DENOISER)),
    Kind("the vision half of CLIP, not a base model", CHOOSE,
         any_of("vision_model.", "visual_projection.", "^visual.transformer.", lacks=DENOISER)),
    Kind("a text encoder alone, not a base model", "choose a base model, and give this file as its text encoder",
         any_of("text_model.encoder.layers.", "text_model.embeddings.", "^encoder.block.0.", "SelfAttention.",
                "^model.layers.0.self_attn.", "^layers.0.self_attn.", "model.embed_tokens.", "transformer.resblocks.",
                "^cond_stage_model.", "^conditioner.", "^text_encoders.", "language_model.", "^shared.weight",
                lacks=DENOISER)),
)  # fmt: skip
UNET_ALONE = Fault("foreign", "a UNet alone, without text encoder and VAE", WHOLE)
CHANNELS = {
    9: "an inpainting model", 8: "a model that edits pictures (InstructPix2Pix)", 5: "a model that sees depth",
    7: "an upscaler", 384: "FLUX.1 Fill, an inpainting model", 128: "FLUX.1 Canny or Depth",
}  # fmt: skip


def other_channels(count: int) -> Fault:
    what = CHANNELS.get(count, f"a model whose first layer takes {count} channels")
    return Fault(
        "foreign", f"{what}, which is given more than the picture; it isn't trained here",
        "choose the base model that it was made from; its LoRAs work on both",
    )  # fmt: skip
