"""A real checkout of sd-scripts whose transformers and their text encoders are narrow, so that a run takes seconds.

Its files are links, but for the scripts, as Python looks for modules beside the file that a link leads to, and for
those whose sizes are changed. Everything else, classes and names of layers, is the real thing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

Changes = Sequence[tuple[str, str]]  # what stands there, as often as it does, and what is put there


def lines(indent: int, *words: str) -> str:
    return f",\n{' ' * indent}".join(words)


T5 = (
    ('"d_ff": 10240', '"d_ff": 64'),
    ('"d_kv": 64', '"d_kv": 16'),
    ('"d_model": 4096', '"d_model": 96'),
    ('"num_heads": 64', '"num_heads": 2'),
    ('"num_layers": 24', '"num_layers": 2'),
)
CLIP_L = (  # the last of several with these names, which is the one that counts
    (
        lines(8, '"hidden_size": 768', '"intermediate_size": 3072', '"num_attention_heads": 12',
              '"num_hidden_layers": 12', '"projection_dim": 768', '# }'),
        lines(8, '"hidden_size": 32', '"intermediate_size": 64', '"num_attention_heads": 2',
              '"num_hidden_layers": 2', '"projection_dim": 32', '# }'),
    ),
)  # fmt: skip
FLUX = (
    ("vec_in_dim=768", "vec_in_dim=32"),
    ("context_in_dim=4096", "context_in_dim=96"),
    ("hidden_size=3072", "hidden_size=32"),
    ("num_heads=24", "num_heads=2"),
    ("axes_dim=[16, 56, 56]", "axes_dim=[4, 6, 6]"),
    ("ch=128", "ch=32"),
    ("ch_mult=[1, 2, 4, 4]", "ch_mult=[1, 1, 1, 1]"),
    ("num_res_blocks=2", "num_res_blocks=1"),
)
CHROMA = (
    (lines(4, "context_in_dim=4096", "hidden_size=3072"), lines(4, "context_in_dim=96", "hidden_size=32")),
    (
        lines(4, "num_heads=24", "depth=19", "depth_single_blocks=38"),
        lines(4, "num_heads=2", "depth=2", "depth_single_blocks=2"),
    ),
    ("axes_dim=[16, 56, 56]", "axes_dim=[4, 6, 6]"),
    ("approximator_depth=5", "approximator_depth=2"),
    ("approximator_hidden_size=5120", "approximator_hidden_size=32"),
)
SD3_ENCODERS = (
    ("hidden_size=768", "hidden_size=32"),
    ("intermediate_size=3072", "intermediate_size=64"),
    (
        "num_hidden_layers=12,\n        num_attention_heads=12",
        "num_hidden_layers=2,\n        num_attention_heads=2",
    ),
    ("projection_dim=768", "projection_dim=32"),
    ("torch.eye(768", "torch.eye(32"),
    ("hidden_size=1280", "hidden_size=48"),
    ("intermediate_size=5120", "intermediate_size=64"),
    (
        "num_hidden_layers=32,\n        num_attention_heads=20",
        "num_hidden_layers=2,\n        num_attention_heads=2",
    ),
    ("projection_dim=1280", "projection_dim=48"),
)
SD3_VAE = (
    ("ch=128", "ch=32"),
    ("ch_mult=(1, 2, 4, 4)", "ch_mult=(1, 1, 1, 1)"),
    ("num_res_blocks=2", "num_res_blocks=1"),
)
LUMINA = (
    (
        lines(12, "dim=2304", "n_layers=26", "n_heads=24", "n_kv_heads=8", "axes_dims=[32, 32, 32]"),
        lines(12, "dim=32", "n_layers=2", "n_heads=2", "n_kv_heads=1", "axes_dims=[8, 4, 4]"),
    ),
    ("cap_feat_dim=2304,  # Gemma 2 hidden_size", "cap_feat_dim=32,"),
)
GEMMA = (
    ('"head_dim": 256', '"head_dim": 16'),
    ('"hidden_size": 2304', '"hidden_size": 32'),
    ('"intermediate_size": 9216', '"intermediate_size": 64'),
    ('"num_attention_heads": 8', '"num_attention_heads": 2'),
    ('"num_hidden_layers": 26', '"num_hidden_layers": 2'),
    ('"num_key_value_heads": 4', '"num_key_value_heads": 1'),
    ('"vocab_size": 256000', '"vocab_size": 300'),
)
HUNYUAN = (
    ("self.rope_dim_list = [64, 64]", "self.rope_dim_list = [8, 8]"),
    ("self.hidden_size = 3584", "self.hidden_size = 32"),
    ("self.heads_num = 28", "self.heads_num = 2"),
    ("mm_double_blocks_depth = 20", "mm_double_blocks_depth = 2"),
    ("mm_single_blocks_depth = 40", "mm_single_blocks_depth = 2"),
    ("text_states_dim = 3584", "text_states_dim = 32"),
    ("in_dim=1472, out_dim=2048, hidden_dim=2048", "in_dim=24, out_dim=32, hidden_dim=32"),
)
HUNYUAN_ENCODERS = (
    ('"d_kv": 64', '"d_kv": 8'),
    ('"d_model": 1472', '"d_model": 24'),
    ('"num_heads": 6', '"num_heads": 2'),
    ('"num_layers": 12', '"num_layers": 2'),
    ("byt5_max_length, 1472", "byt5_max_length, 24"),
    ('      "full_attention",\n' * 24, ""),
    ('"num_hidden_layers": 28', '"num_hidden_layers": 4'),
    ('"num_attention_heads": 28', '"num_attention_heads": 2'),
    ('"num_key_value_heads": 4', '"num_key_value_heads": 2'),
    ('"intermediate_size": 18944', '"intermediate_size": 64'),
    ("      16,\n      24,\n      24\n", "      2,\n      3,\n      3\n"),
    ("        16,\n        24,\n        24\n", "        2,\n        3,\n        3\n"),
    ("3584", "32"),
    ('"depth": 32', '"depth": 1'),
    ('"hidden_size": 1280', '"hidden_size": 32'),
    ('"intermediate_size": 3420', '"intermediate_size": 64'),
    ('"num_heads": 16', '"num_heads": 2'),
)
HUNYUAN_VAE = (
    ("(128, 256, 512, 512, 1024, 1024)", "(32, 32, 32, 32, 64, 128)"),
    ("layers_per_block = 2", "layers_per_block = 1"),
)
ANIMA = (
    ('"model_channels": 2048', '"model_channels": 32'),
    ('"crossattn_emb_channels": 1024', '"crossattn_emb_channels": 32'),
    ('"adaln_lora_dim": 256', '"adaln_lora_dim": 8'),
    ('"num_blocks": 28', '"num_blocks": 2'),
    ('"num_heads": 16', '"num_heads": 2'),
)
ADAPTER = (
    (
        lines(16, "source_dim=1024", "target_dim=1024", "model_dim=1024", "num_layers=6"),
        lines(16, "source_dim=32", "target_dim=32", "model_dim=32", "num_layers=1", "num_heads=2"),
    ),
)
QWEN3 = (
    ('"head_dim": 128', '"head_dim": 16'),
    ('"hidden_size": 1024', '"hidden_size": 32'),
    ('"intermediate_size": 3072', '"intermediate_size": 64'),
    ('"num_attention_heads": 16', '"num_attention_heads": 2'),
    ('"num_hidden_layers": 28', '"num_hidden_layers": 2'),
    ('"num_key_value_heads": 8', '"num_key_value_heads": 1'),
    ('"max_window_layers": 28', '"max_window_layers": 2'),
)
QWEN_IMAGE_VAE = (('"base_dim": 96', '"base_dim": 8'), ('"num_res_blocks": 2', '"num_res_blocks": 1'))
NARROWER: Mapping[str, Changes] = {
    "library/flux_models.py": FLUX,
    "library/flux_utils.py": (*CLIP_L, *T5),
    "library/chroma_models.py": CHROMA,
    "library/sd3_utils.py": SD3_ENCODERS,
    "library/sd3_models.py": SD3_VAE,
    "library/strategy_sd3.py": (("4096", "96"),),
    "library/lumina_models.py": LUMINA,
    "library/lumina_util.py": GEMMA,
    "library/hunyuan_image_models.py": HUNYUAN,
    "library/hunyuan_image_text_encoder.py": HUNYUAN_ENCODERS,
    "library/hunyuan_image_vae.py": HUNYUAN_VAE,
    "library/anima_utils.py": ANIMA,
    "library/anima_models.py": ADAPTER,
    "library/qwen_image_autoencoder_kl.py": QWEN_IMAGE_VAE,
    "configs/qwen3_06b/config.json": QWEN3,
    "networks/oft_flux.py": (("[3072] * 3 + [12288]", "[32] * 3 + [128]"), ("[3072] * 3", "[32] * 3")),
}


def narrow_flows(real: Path, folder: Path, tokenizers: Path) -> Path:
    """`tokenizers`: where those lie that sd-scripts would ask the hub for, whatever folder it is told."""
    _link(real, folder, {path for name in NARROWER for path in Path(name).parents} - {Path()})
    for name, changes in (*NARROWER.items(), *_local(tokenizers).items()):
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"{name} says {old} no more"
            text = text.replace(old, new)
        (folder / name).unlink()
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _local(tokenizers: Path) -> dict[str, Changes]:
    return {
        "library/strategy_lumina.py": (('"google/gemma-2-2b"', repr(str(tokenizers / "gemma"))),),
        "library/hunyuan_image_text_encoder.py": (
            ('"google/byt5-small"', repr(str(tokenizers / "byt5"))),
            ('"Qwen/Qwen2.5-VL-7B-Instruct"', repr(str(tokenizers / "qwen"))),
        ),
    }


def _link(real: Path, folder: Path, opened: set[Path], inside: Path = Path()) -> None:
    """Folders of `opened` are made, and what lies in them is linked."""
    (folder / inside).mkdir(parents=True)
    for path in (real / inside).iterdir():
        place = inside / path.name
        if place in opened:
            _link(real, folder, opened, place)
        elif path.suffix == ".py" and not inside.parts:
            shutil.copyfile(path, folder / place)
        else:
            (folder / place).symlink_to(path)
