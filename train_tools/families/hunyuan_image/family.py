"""HunyuanImage-2.1."""

from __future__ import annotations

from train_tools.families.flows import ANY_MODULES, FLOW, STREAMS
from train_tools.families.interface import BASE, Family, Network, Pictures, Training, Words, any_of
from train_tools.families.layers import of_blocks
from train_tools.families.programs import KOHYA_SS, KOHYA_SS_FIELDS, SD_TRAINER

FAMILY = Family(
    "hunyuan_image", "HunyuanImage-2.1",
    marks=any_of("byt5_in.fc1.", "context_embedder_2.linear_1."),
    prefixes=("",),
    classes=("HunyuanImagePipeline", "HunyuanImageTransformer2DModel"),
    # Its README: made for 2048 by 2048, of other sizes come artefacts; 50 steps, guidance 3.5, shift 5.
    pictures=Pictures(2048, 32, steps=50, cfg_scale=3.5, shift=5.0),
    training=Training(
        "hunyuan_image_train_network.py", ("networks.lora_hunyuan_image", *ANY_MODULES),
        (BASE, "text_encoder", "byt5", "vae"), bucket_step=32,
        defaults={**FLOW, "network_module": "networks.lora_hunyuan_image"},
    ),
    network=Network(
        of_blocks(STREAMS), text_encoders=2, trains_texts=False, classes=("MMDoubleStreamBlock", "MMSingleStreamBlock")
    ),
    words=Words(
        also=("hunyuan", "hunyuanimage", "hunyuan-image", "hunyuanimage-2.1"),
        in_files=r"hunyuan[-_]?image",
        in_metadata=r"hunyuan[-_. ]?image",
        programs={
            SD_TRAINER: ("hunyuan-image-lora",), KOHYA_SS: ("hunyuan_image_checkbox", "HunyuanImage-2.1"),
            KOHYA_SS_FIELDS: ("hunyuan_image_", "hunyuan_"),
        },
    ),
)  # fmt: skip
