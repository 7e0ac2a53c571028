"""Families that nobody here trains: known by name, so that a person hears who does.

Who trains what was read in the READMEs and model lists of these programs in late 2026.
"""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.families.interface import Fault, Mark, any_of

MUSUBI, ONE, AI, PIPE, SIMPLE = "musubi-tuner", "OneTrainer", "ai-toolkit", "diffusion-pipe", "SimpleTuner"
OWN = "its authors' own scripts"


@dataclass(frozen=True)
class Known:
    """`classes` are the first words of diffusers' pipelines and models, as Wan in WanPipeline.

    `words` is what people call it, in a setting or in a file's name: a regular expression, of lower case and with
    hyphens for all that stands between words.
    """

    title: str
    trainers: tuple[str, ...]
    marks: tuple[Mark, ...]
    classes: tuple[str, ...] = ()
    words: str = ""

    @property
    def fault(self) -> Fault:
        who = ", ".join(self.trainers)
        return Fault(
            "not-trained", f"a model of the family {self.title}, which isn't trained here", f"{who} can train it"
        )  # fmt: skip

    def refusal(self, name: str) -> str:
        """For who names one of it."""
        who = ", ".join(self.trainers)
        return f"{name} belongs to {self.title}, a family that isn't trained here; {who} can train it"


# The first whose marks hold is taken; all stand before the families that are trained here.
KNOWN: tuple[Known, ...] = (
    Known("Z-Image", (MUSUBI, ONE, AI, PIPE),
          (Mark(sides=(("cap_embedder.1.weight", 0, (3840,)),)), *any_of("cap_pad_token", "x_pad_token")),
          ("ZImage",), words=r"z-?image"),
    Known("FLUX.2", (MUSUBI, ONE, AI, PIPE), any_of("double_stream_modulation_img"), ("Flux2",),
          words=r"flux[-.]?2|klein"),
    Known("Qwen-Image", (MUSUBI, ONE, AI, PIPE),
          (*any_of("transformer_blocks.0.img_mod.1."), Mark(("txt_norm.", "transformer_blocks.0."))),
          ("QwenImage",), words=r"qwen"),
    Known("Krea 2", (MUSUBI, ONE, AI, PIPE), any_of("txtfusion."), ("Krea2", "Krea"), words=r"krea[-.]?2"),
    Known("Ideogram 4", (MUSUBI, ONE, AI, PIPE), any_of("llm_cond_proj.", "embed_image_indicator."), ("Ideogram",),
          words=r"ideogram"),
    Known("Ernie-Image", (ONE, AI, PIPE), any_of("layers.0.mlp.linear_fc2."), ("Ernie",),
          words=r"(?<![a-z])ernie"),
    Known("Wan", (MUSUBI, AI, PIPE),
          (*any_of("head.modulation", "blocks.0.cross_attn.norm_k."),
           Mark(("blocks.0.attn2.norm_k.", "condition_embedder."))), ("Wan",),
          words=r"(?<![a-z])wan(?![a-z])"),
    Known("FramePack", (MUSUBI,), any_of("clean_x_embedder."), ("HunyuanVideoFramepack",),
          words=r"frame-?pack"),
    Known("HunyuanVideo 1.5", (MUSUBI, PIPE),
          (Mark(("byt5_in.", "vision_in.")), Mark(("byt5_in.", "cond_type_embedding."))), ("HunyuanVideo15",)),
    Known("HunyuanVideo", (MUSUBI, ONE, PIPE),
          any_of("txt_in.individual_token_refiner.", "context_embedder.token_refiner.",
                 lacks=("byt5_in.", "context_embedder_2.")),
          ("HunyuanVideo", "HunyuanSkyreels"), words=r"hunyuan-?video|skyreels"),
    Known("Hunyuan-DiT", (OWN,), any_of("mlp_t5.0."), ("HunyuanDiT",), words=r"hunyuan-?dit"),
    Known("HiDream", (ONE, AI, PIPE), any_of("double_stream_blocks.0.", "caption_projection.0.linear."), ("HiDream",),
          words=r"hi-?dream"),
    Known("Kolors", (SIMPLE,),
          (Mark(("encoder_hid_proj.",), sides=(("add_embedding.linear_1.weight", 1, (5632,)),)),
           Mark(sides=(("add_embedding.linear_1.weight", 1, (5632,)),)),
           Mark(sides=(("label_emb.0.0.weight", 1, (5632,)),))), ("Kolors",), words=r"kolors"),
    Known("Kandinsky 5", (MUSUBI,), any_of("visual_transformer_blocks."), ("Kandinsky5",)),
    Known("Kandinsky", (OWN,), (), ("Kandinsky",), words=r"kandinsky"),
    Known("Stable Cascade", (ONE,), (*any_of("clip_txt_mapper."), Mark(("clf.1.", "clip_mapper."))),
          ("StableCascade", "Wuerstchen"), words=r"stable-?cascade|^cascade$|wu?e?rstchen"),
    Known("Sana", (ONE, SIMPLE), any_of(".mlp.inverted_conv.", ".ff.conv_inverted."), ("Sana",),
          words=r"(?<![a-z])sana(?![a-z])"),
    Known("AuraFlow (Pony 7 is one)", (PIPE, SIMPLE), any_of("double_layers.0.attn.w1q", "joint_transformer_blocks.0."),
          ("AuraFlow",), words=r"aura-?flow|pony-?(?:v|xl-?v)?7"),
    Known("LTX-Video", (AI, PIPE),
          (*any_of("patchify_proj.", "audio_patchify_proj."),
           Mark(("adaln_single.emb.timestep_embedder.", "scale_shift_table"), ("pos_embed.proj.",))), ("LTX",),
          words=r"(?<![a-z])ltxv?(?![a-z])"),
    Known("PixArt", (ONE, SIMPLE),
          (Mark(("adaln_single.emb.timestep_embedder.", "pos_embed.proj.")), *any_of("y_embedder.y_embedding",
           ".cross_attn.kv_linear.")), ("PixArt",), words=r"pixart"),
    Known("Mochi", (OWN,), any_of("t5_yproj."), ("Mochi",), words=r"mochi-?1|^mochi$"),
    Known("CogVideoX", (OWN,), any_of("patch_embed.text_proj."), ("CogVideo", "CogView"),
          words=r"cog(?:video|view)"),
    Known("OmniGen", (AI, PIPE), any_of("ref_image_refiner."), ("OmniGen",), words=r"omnigen"),
    Known("Cosmos", (PIPE,),
          any_of("blocks.0.adaln_modulation_self_attn.", "blocks.block0.blocks.0.", lacks=("llm_adapter.",)),
          ("Cosmos",), words=r"cosmos-?(?:predict|[12])|^cosmos$"),
    Known("Chroma Radiance", (AI,), any_of("nerf_blocks.", "nerf_image_embedder."), ("ChromaRadiance",),
          words=r"chroma.*radiance"),
    Known("Lumina Next", (OWN,), (Mark(("cap_embedder.", ".attention.wq.")),), ("LuminaText2Img", "LuminaNext"),
          words=r"lumina-?next"),
    Known("Stable Video Diffusion, for videos", (OWN,),
          any_of(".time_stack.", ".time_mix_blocks.", "temporal_transformer_blocks."),
          ("StableVideoDiffusion",), words=r"stable-?video|(?<![a-z])svd(?![a-z])"),
    Known("Stable Audio", (OWN,), any_of("transformer.rotary_pos_emb."), ("StableAudio",),
          words=r"stable-?audio"),
    Known("DeepFloyd IF", (OWN,), (Mark(("encoder_hid_proj.", "add_embedding.norm1.")),), ("IF",),
          words=r"deepfloyd"),
    Known("SDXL's refiner", (OWN,),
          (Mark(("^conditioner.embedders.0.model.",), ("^conditioner.embedders.1.",)),
           Mark(sides=(("label_emb.0.0.weight", 1, (2560,)),)),
           Mark(sides=(("add_embedding.linear_1.weight", 1, (2560,)),))), words=r"refiner"),
    Known("SSD-1B, a smaller SDXL", (SIMPLE,),
          (Mark((".7.1.transformer_blocks.3.",), (".7.1.transformer_blocks.4.",)),
           Mark(("down_blocks.2.attentions.0.transformer_blocks.3.",),
                ("down_blocks.2.attentions.0.transformer_blocks.4.",))), words=r"ssd-?1b"),
    Known("Segmind Vega, a smaller SDXL", (OWN,),
          (Mark((".7.1.transformer_blocks.1.",), (".7.1.transformer_blocks.2.",)),
           Mark(("down_blocks.2.attentions.0.transformer_blocks.1.",),
                ("down_blocks.2.attentions.0.transformer_blocks.2.",))), words=r"segmind-?vega"),
    Known("SDXL with EDM's noise (Playground 2.5, CosXL)", (SIMPLE,), any_of("edm_mean", "edm_vpred."),
          words=r"cosxl|playground-?v?2\.?5"),
    Known("Stable unCLIP", (OWN,), any_of("^embedder.model.visual.", "^noise_augmentor."), ("StableUnCLIP",),
          words=r"unclip"),
)  # fmt: skip
