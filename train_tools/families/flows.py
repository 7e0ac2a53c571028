"""What the families that learn a flow share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANY_MODULES = ("lycoris.kohya",)  # LyCORIS finds the layers by itself
STREAMS = r"(?:double_blocks|single_blocks)\.\d+\."  # FLUX.1's layers, and those of what was built like it
STREAM_CLASSES = ("DoubleStreamBlock", "SingleStreamBlock", "SelfAttention")
CLIP_CLASSES = ("CLIPAttention", "CLIPMLP")  # of transformers
# No SNR to weigh by, and buckets around a megapixel.
FLOW: Mapping[str, Any] = {
    "resolution": "1024,1024", "max_bucket_reso": 2048, "min_snr_gamma": None, "network_train_unet_only": True,
    "cache_text_encoder_outputs": True,
}  # fmt: skip
FLUX_DEFAULTS: Mapping[str, Any] = {
    **FLOW, "timestep_sampling": "shift", "discrete_flow_shift": 3.1582, "model_prediction_type": "raw",
    "guidance_scale": 1.0, "network_module": "networks.lora_flux",
}  # fmt: skip
