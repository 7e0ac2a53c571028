"""Rows: where images come from, at which size they are trained, and how they are varied."""

from __future__ import annotations

import math

from train_tools.arguments.argument import Argument, depends, flag, path, row
from train_tools.errors import UsageError

NO_AXIS = "the plan reads the dataset once for all runs"
VARIED = depends("cache_latents", because="images that are encoded once don't change")
VARIED += depends("cache_latents_to_disk", because="images that are encoded once don't change")


def _times_the_face(text: str) -> str:
    try:
        least, most = map(float, text.split(","))
    except ValueError:
        least, most = 0.0, 0.0
    if not 0 < least <= most < math.inf:
        raise UsageError(f"{text} isn't two numbers above 0, the smaller first, as 2.0,4.0")
    return f"{least},{most}"


ROWS: tuple[Argument, ...] = (
    row("resolution", "size", None,
        "Size that images are trained at; buckets keep its area.", "训练分辨率(宽,高);分桶时保持其面积。",
        ours="512,512", reason="what Stable Diffusion 1 was trained at", short="res", importance="beginner",
        is_required=True),
    flag("enable_bucket",
         "Train images of other shapes in their own shape.", "按图片长宽比分桶训练。", ours=True,
         reason="nothing of a picture is cut off for its shape", short="bk"),
    row("min_bucket_reso", "int", 256,
        "Shortest side of a bucket in pixels.", "分桶最小边长(像素)。", minimum=8, maximum=65_536, short="minb"),
    row("max_bucket_reso", "int", 1024,
        "Longest side of a bucket in pixels.", "分桶最大边长(像素)。", minimum=8, maximum=65_536, short="maxb"),
    row("bucket_reso_steps", "int", 64,
        "Sides of buckets are multiples of this.", "分桶边长的步进。", minimum=8, maximum=4096, short="stepb"),
    flag("bucket_no_upscale",
         "Never enlarge an image for its bucket.", "分桶时不放大图片。", short="noup"),
    row("resize_interpolation", "str", None,
        "How images are resized; none chooses by itself.", "缩放图片的插值方式;none 为自动。", short="interp",
        choices=("lanczos", "nearest", "bilinear", "linear", "bicubic", "cubic", "area"), importance="expert"),
    flag("flip_aug",
         "Mirror images at random; not for faces or text that must not be.", "随机水平翻转。", short="flip"),
    flag("color_aug",
         "Vary colours at random; excludes cache_latents.", "随机改变颜色;与 cache_latents 冲突。",
         short="color", importance="expert", excludes=VARIED),
    flag("random_crop",
         "Cut at random instead of from the middle; excludes cache_latents.",
         "随机裁剪;与 cache_latents 冲突。", short="crop", importance="expert", excludes=VARIED),
    row("face_crop_aug_range", "str", None,
        "Cut around faces, so many times the face's size: 2.0,4.0; needs faces in the file names.",
        "围绕人脸裁剪的倍率范围,如 2.0,4.0;需文件名含人脸信息。", short="face", importance="expert", is_text=True,
        reads=_times_the_face,
        excludes=depends("cache_latents", is_fatal=False, because="images that are encoded once are cut once")),
    flag("alpha_mask",
         "Take images' transparency as the mask of the loss.", "以图片透明度作为损失遮罩。", short="alpham"),
    row("dataset_repeats", "int", 1,
        "How often a dataset that is described by in_json is gone through in one epoch.", minimum=1,
        importance="expert", not_an_axis=NO_AXIS),
    path("reg_data_dir",
         "Folder of regularisation images in <repeats>_<class> folders; none takes the version's own.",
         "正则化图片的文件夹(内含 <重复次数>_<类别>);none 为使用本版本自己的。", short="regdir", opens="pictures"),
    path("conditioning_data_dir",
         "Folder of the masks for masked_loss.", "masked_loss 所用遮罩的文件夹。", short="cond", opens="pictures"),
    path("train_data_dir",
         "Folder of the training images.", "训练图片的文件夹。",
         chosen_by_us="Train Tools trains on the version's own dataset", opens="pictures"),
    path("dataset_config",
         "A TOML file that describes datasets; folders given elsewhere are then ignored.",
         "描述数据集的 TOML 文件;此时忽略其他文件夹设置。", importance="expert", not_an_axis=NO_AXIS, opens="further"),
    path("in_json", "A JSON file that describes images and captions.", importance="expert", not_an_axis=NO_AXIS,
         opens="further"),
    row("dataset_class", "str", None,
        "A dataset class of one's own, package.module.Class.", importance="expert", not_an_axis=NO_AXIS, opens="code"),
    flag("cache_info",
         "Keep image sizes and captions beside the images, to start faster.", importance="expert",
         not_an_axis="it doesn't change what is trained"),
    flag("debug_dataset", "Show the images instead of training.", importance="expert",
         chosen_by_us="nothing would be trained"),
    row("max_data_loader_n_workers", "int", 8,
        "Processes that read images; fewer need less memory.", "读取图片的进程数;越少越省内存。", minimum=0,
        not_an_axis="it doesn't change what is trained"),
    flag("persistent_data_loader_workers",
         "Keep those processes between epochs; starts epochs faster.", "各轮之间保留读取进程,加快每轮开始。",
         not_an_axis="it doesn't change what is trained",
         excludes=depends("max_data_loader_n_workers", 0, because="there are no processes to keep")),
)  # fmt: skip
