"""What each network module of sd-scripts reads from network_args, and the words that some of these take.

Read off sd-scripts 48d368fa and lycoris-lora 3.2.0.post2.
"""

from __future__ import annotations

from collections.abc import Mapping

LORA_PLUS = ("loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio")
CONV = ("conv_dim", "conv_alpha")
DROPOUT = ("dropout", "rank_dropout", "module_dropout")
BLOCK_RATES = ("down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold")
BLOCKS = ("block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas", *BLOCK_RATES)
BY_PATTERN = ("network_reg_lrs", "network_reg_dims")
FLUX = (
    "img_attn_dim", "txt_attn_dim", "img_mlp_dim", "txt_mlp_dim", "img_mod_dim", "txt_mod_dim", "single_dim",
    "single_mod_dim", "in_dims", "train_double_block_indices", "train_single_block_indices", "train_blocks",
    "split_qkv", "ggpo_beta", "ggpo_sigma", "train_t5xxl", "verbose", *BY_PATTERN,
)  # fmt: skip

# Module -> the names that it reads; a module that isn't here may read anything.
READ: Mapping[str, tuple[str, ...]] = {
    "networks.lora": (*CONV, *DROPOUT, *BLOCKS, *LORA_PLUS),
    "networks.lora_fa": (*CONV, *DROPOUT, *BLOCKS),
    "networks.dylora": (*CONV, "unit", "dropout", *LORA_PLUS),
    "networks.oft": ("enable_all_linear", "enable_conv", "dropout"),
    "networks.oft_flux": ("enable_all_linear", "enable_conv", "dropout"),
    "networks.lora_flux": (*CONV, *DROPOUT, *FLUX, *LORA_PLUS),
    "networks.lora_sd3": (
        *CONV, *DROPOUT, "context_attn_dim", "context_mlp_dim", "context_mod_dim", "x_attn_dim", "x_mlp_dim",
        "x_mod_dim", "emb_dims", "train_block_indices", "split_qkv", "train_t5xxl", "verbose", *LORA_PLUS,
    ),
    "networks.lora_lumina": (
        *CONV, *DROPOUT, "attn_dim", "mlp_dim", "mod_dim", "refiner_dim", "embedder_dims", "train_blocks", "split_qkv",
        "verbose", *LORA_PLUS,
    ),
    "networks.lora_hunyuan_image": (
        *CONV, *DROPOUT, "split_qkv", "ggpo_beta", "ggpo_sigma", "verbose", *BY_PATTERN, *LORA_PLUS,
    ),
    "networks.lora_anima": (
        *DROPOUT, "train_llm_adapter", "exclude_patterns", "include_patterns", "verbose", *BY_PATTERN, *LORA_PLUS,
    ),
}  # fmt: skip
LYCORIS = "lycoris.kohya"
ALGORITHMS = ("lora", "locon", "loha", "lokr", "dylora", "glora", "full", "diag-oft", "boft")
PRESETS = (
    "full", "full-lin", "attn-mlp", "attn-only", "unet-only", "unet-transformer-only", "unet-convblock-only",
)  # fmt: skip
WHOLE = frozenset({"conv_dim", "unit", "block_size"})
NUMBERS = frozenset({
    *WHOLE, "conv_alpha", "dropout", "rank_dropout", "module_dropout", "block_lr_zero_threshold", "ggpo_beta",
    "ggpo_sigma", *LORA_PLUS,
})  # fmt: skip
# Those that read lists of blocks.
BY_BLOCK = ("networks.lora", "networks.lora_fa")
