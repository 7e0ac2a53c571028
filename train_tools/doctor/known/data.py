"""Images, captions, buckets; see `rule`."""

from __future__ import annotations

from train_tools.doctor.known.rule import AGAIN, Rule, training

DATA = (
    Rule(
        "no-images",
        "no image was found to train on",
        "没有找到训练图片",
        "`dataset process` makes the folder <repeats>_<concept> that is trained; elsewhere, train_data_dir is "
        "the folder "
        "above it",
        "用 `dataset process` 生成 <重复次数>_<概念> 文件夹；train_data_dir 应填写它的上一级文件夹",
        error=r"No data found|holds no image in|no images? (?:were |was )?found|num_samples=0|no training images|"
        r"found no images",
        line=r"No data found\. Please verify|holds no image in a|ignore subset with image_dir=.*no images found|"
        r"found no images to train",
        source="sd-scripts",
    ),
    Rule(
        "sizes-differ",
        "images or caches of different sizes stand in one batch: they are trained without buckets, or caches are old",
        "同一批次中的图片或缓存尺寸不一致：未开启分桶，或缓存是旧的",
        "set enable_bucket=true: images needn't be cropped to one size; delete .npz files beside the images",
        "设置 enable_bucket=true（ARB 分桶），无需手动裁剪成统一尺寸；并删除图片旁的 .npz 文件",
        error=r"image too large, but cropping and bucketing|stack expects each tensor to be equal size|"
        r"Sizes of tensors must match|all the input array dimensions|inhomogeneous shape|"
        r"could not broadcast input array|latents? (?:size|shape) mismatch",
        offers=(training("enable_bucket=true"), AGAIN),
        source="F13",
    ),
    Rule(
        "bucket-limits",
        "the resolution lies outside the buckets' limits",
        "分辨率超出分桶范围",
        "set min_bucket_reso at most to the resolution's smaller side and max_bucket_reso at least to its "
        "larger, all "
        "multiples of bucket_reso_steps",
        "min_bucket_reso 不大于分辨率短边，max_bucket_reso 不小于长边，且均为 bucket_reso_steps 的倍数",
        error=r"(?:min|max)_bucket_reso|bucket_reso_steps|resolution must be|resolution is too|bucket.*no multiple",
        source="sd-scripts",
    ),
    Rule(
        "too-few-images",
        "there are too few images for a batch or a part of the steps: a count came to nothing",
        "图片太少，批次或步数计算结果为 0",
        "add images or repeats, lower train_batch_size and gradient_accumulation_steps, and look whether "
        "captions and "
        "images of each concept are found",
        "增加图片或重复次数，降低 train_batch_size 与 gradient_accumulation_steps，"
        "并检查各概念的图片和标签是否被找到",
        error=r"ZeroDivisionError|division by zero|divide by zero|integer modulo by zero|float modulo|"
        r"empty range for rand|Cannot choose from an empty sequence|max\(\) (?:arg|iterable).*empty|"
        r"min\(\) (?:arg|iterable).*empty",
        offers=(training("train_batch_size=1"), AGAIN),
    ),
    Rule(
        "caption-empty",
        "a caption's file holds nothing or is missing",
        "标签文件为空或缺失",
        "caption that image again: `captions check` names them, `dataset caption` fills empty ones",
        "重新打标：`captions check` 会列出空文件，`dataset caption` 可补全",
        error=r"caption file is empty|no caption (?:file|found)|caption.*(?:missing|not found)|"
        r"FileNotFoundError[^\n]*\.caption'",
        source="F15",
    ),
    Rule(
        "image-damaged",
        "an image is damaged, or of a kind that can't be read",
        "图片文件损坏，或格式无法读取",
        "take out the image that is named; `dataset process` leaves damaged ones out by itself",
        "移除日志中的图片；`dataset process` 会自动跳过损坏的图片",
        error=r"UnidentifiedImageError|cannot identify image|image file is truncated|DecompressionBomb|libpng|"
        r"libjpeg|"
        r"broken data stream|Truncated File Read|unrecognized data stream|broken PNG|(?:src|size)\.empty\(\)|"
        r"(?:image|picture)s? .*(?:damaged|corrupt|can't be read)|decoder \w+ not available|cannot write mode|"
        r"not enough image data|unknown raw mode|CRC error|bad header checksum",
        source="pillow",
    ),
)
