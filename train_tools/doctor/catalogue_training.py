"""The catalogue's rows for errors while training; see `catalogue`."""

from __future__ import annotations

from train_tools.doctor.catalogue import Row

MEMORY = (
    Row(
        id="out-of-gpu-memory",
        patterns=(
            r"CUDA out of memory",
            r"torch\.(?:cuda\.)?OutOfMemoryError",
            r"CUBLAS_STATUS_ALLOC_FAILED",
            r"CUDA error: out of memory",
            r"HIP out of memory",
        ),
        means="the GPU's memory is too small for these settings",
        means_zh="显存不足",
        do=(
            "lower train_batch_size, resolution or network_dim, or set gradient_checkpointing=true, "
            "cache_latents=true or an 8-bit optimizer; close other programs on the GPU; below 6 GB use SD 1.5 "
            "at 512"
        ),
        do_zh=(
            "降低 train_batch_size、resolution 或 network_dim,或开启 gradient_checkpointing、cache_latents、8bi"
            "t 优化器;关闭其他占用显存的程序;6 GB 以下请训练 512 分辨率的 SD1.5"
        ),
        source="F10",
    ),
    Row(
        id="out-of-memory",
        patterns=(
            r"DefaultCPUAllocator: (?:not enough|can't allocate) memory",
            r"^MemoryError\b",
            r"\[Errno 12\] Cannot allocate memory",
            r"\[WinError 1455\]",
            r"oom-kill",
            r"页面文件太小",
        ),
        means="the machine's memory is too small",
        means_zh="内存不足",
        do=(
            "make the system's virtual memory (page file, swap) larger, close other programs, or set "
            "max_data_loader_n_workers=0"
        ),
        do_zh="增大虚拟内存(页面文件/swap),关闭其他程序,或设置 max_data_loader_n_workers=0",
        source="F11",
    ),
    Row(
        id="loader-process-gone",
        patterns=(r"DataLoader worker \(pid.*\) (?:is killed by signal|exited unexpectedly)",),
        means="a process that loads images fell, mostly for want of memory",
        means_zh="数据加载进程被终止,多因内存不足",
        do="set max_data_loader_n_workers=0 and persistent_data_loader_workers=false",
        do_zh="设置 max_data_loader_n_workers=0、persistent_data_loader_workers=false",
        source="torch",
    ),
    Row(
        id="gpu-lost",
        patterns=(
            r"CUDA error: (?:unspecified launch failure|an illegal memory access|device-side assert)",
            r"GPU is lost",
            r"has fallen off the bus",
            r"CUDA error: device busy or unavailable",
        ),
        means="the GPU or its driver failed",
        means_zh="显卡或驱动发生故障",
        do=(
            "start the run again; if it happens often take back overclocking, update the driver, check heat "
            "and power"
        ),
        do_zh="重新开始训练;若经常发生,请取消超频、更新驱动,检查散热与供电",
        source="torch",
    ),
    Row(
        id="disk-full",
        patterns=(
            r"No space left on device",
            r"\[Errno 28\]",
            r"There is not enough space on the disk",
            r"Disk quota exceeded",
            r"磁盘空间不足",
        ),
        means="the disk is full",
        means_zh="磁盘已满",
        do="free some space (`env remove` and the trash hold much), then `queue retry`",
        do_zh="清理磁盘(`env remove` 与回收站可释放空间),然后 `queue retry`",
        source="torch",
    ),
)

DATA = (
    Row(
        id="no-images",
        patterns=(
            r"No data found\. Please verify arguments",
            r"holds no image in a <repeats>_<concept> folder",
            r"ignore subset with image_dir=.*: no images found",
        ),
        means="no image was found to train on",
        means_zh="没有找到训练图片",
        do=(
            "`dataset process` makes the folder <repeats>_<concept> that is trained; elsewhere, train_data_dir "
            "is the folder above it"
        ),
        do_zh="用 `dataset process` 生成 <重复次数>_<概念> 文件夹;train_data_dir 应填写它的上一级文件夹",
        source="sd-scripts",
    ),
    Row(
        id="sizes-differ",
        patterns=(r"image too large, but cropping and bucketing are disabled",),
        means="images of different sizes are trained without buckets",
        means_zh="图片尺寸不一致且未开启分桶",
        do="set enable_bucket=true: images needn't be cropped to one size",
        do_zh="设置 enable_bucket=true(ARB 分桶),无需手动裁剪成统一尺寸",
        source="F13",
    ),
    Row(
        id="bucket-limits",
        patterns=(
            r"min_bucket_reso must be equal or less than resolution",
            r"max_bucket_reso must be equal or greater than resolution",
        ),
        means="the resolution lies outside the buckets' limits",
        means_zh="分辨率超出分桶范围",
        do=(
            "set min_bucket_reso at most to the resolution's smaller side and max_bucket_reso at least to its "
            "larger"
        ),
        do_zh="min_bucket_reso 不大于分辨率短边,max_bucket_reso 不小于长边",
        source="sd-scripts",
    ),
    Row(
        id="caption-empty",
        patterns=(r"caption file is empty",),
        means="a caption's file holds nothing",
        means_zh="标签文件为空",
        do="caption that image again: `captions check` names them, `dataset caption` fills empty ones",
        do_zh="重新打标:`captions check` 会列出空文件,`dataset caption` 可补全",
        source="F15",
    ),
    Row(
        id="image-damaged",
        patterns=(
            r"UnidentifiedImageError",
            r"image file is truncated",
            r"Image\.DecompressionBombError",
            r"libpng error",
            r"broken data stream when reading image file",
        ),
        means="an image is damaged",
        means_zh="图片文件损坏",
        do="take out the image that is named; `dataset process` leaves damaged ones out by itself",
        do_zh="移除日志中的图片;`dataset process` 会自动跳过损坏的图片",
        source="pillow",
    ),
)
