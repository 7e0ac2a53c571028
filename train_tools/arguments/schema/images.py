"""Rows: where images come from, at which size they are trained, and how they are varied."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, depends, flag, path, row

NO_AXIS = "the plan reads the dataset once for all runs"
VARIED = depends("cache_latents", because="images that are encoded once don't change")
VARIED += depends("cache_latents_to_disk", because="images that are encoded once don't change")

ROWS: tuple[Argument, ...] = (
    row("resolution", "size", None, ours="512,512", reason="what Stable Diffusion 1 was trained at",
        short="res", importance="beginner", is_required=True),
    flag("enable_bucket", ours=True, reason="nothing of a picture is cut off for its shape", short="bk"),
    row("min_bucket_reso", "int", 256, minimum=8, maximum=65_536, short="minb"),
    row("max_bucket_reso", "int", 1024, minimum=8, maximum=65_536, short="maxb"),
    row("bucket_reso_steps", "int", 64, minimum=8, maximum=4096, short="stepb"),
    flag("bucket_no_upscale", short="noup"),
    row("resize_interpolation", "str", None, short="interp",
        choices=("lanczos", "nearest", "bilinear", "linear", "bicubic", "cubic", "area"), importance="expert"),
    flag("flip_aug", short="flip"),
    flag("color_aug", short="color", importance="expert", excludes=VARIED),
    flag("random_crop", short="crop", importance="expert", excludes=VARIED),
    row("face_crop_aug_range", "str", None, short="face", importance="expert", is_text=True, opens="plain",
        excludes=depends("cache_latents", is_fatal=False, because="images that are encoded once are cut once")),
    flag("alpha_mask", short="alpham"),
    row("dataset_repeats", "int", 1, minimum=1, importance="expert", not_an_axis=NO_AXIS),
    path("reg_data_dir", short="regdir", opens="pictures"),
    path("conditioning_data_dir", short="cond", opens="pictures"),
    path("train_data_dir", chosen_by_us="Train Tools trains on the version's own dataset", opens="pictures"),
    path("dataset_config", importance="expert", not_an_axis=NO_AXIS, opens="further"),
    path("in_json", importance="expert", not_an_axis=NO_AXIS, opens="further"),
    row("dataset_class", "str", None, importance="expert", not_an_axis=NO_AXIS, opens="code"),
    flag("cache_info", importance="expert", not_an_axis="it doesn't change what is trained"),
    flag("debug_dataset", importance="expert", chosen_by_us="nothing would be trained"),
    row("max_data_loader_n_workers", "int", 8, minimum=0, not_an_axis="it doesn't change what is trained"),
    flag("persistent_data_loader_workers", not_an_axis="it doesn't change what is trained",
        excludes=depends("max_data_loader_n_workers", 0, because="there are no processes to keep")),
)  # fmt: skip
