"""The catalogue's rows for base models and what belongs to them; see `catalogue`."""

from __future__ import annotations

from train_tools.doctor.catalogue import Row

MODELS = (
    Row(
        id="other-model-family",
        patterns=(
            r"Error\(s\) in loading state_dict for \w+",
            r"size mismatch for .*: copying a param with shape",
            r"v2 cannot be enabled in SDXL training",
            r"mat1 and mat2 shapes cannot be multiplied",
        ),
        means="the parameters are for another kind of base model",
        means_zh="训练参数与底模类型不符",
        do="choose the family that fits the base model (SD 1.5, SDXL, …); `doctor` says what the file is",
        do_zh="选择与底模相符的训练类型(SD1.5、SDXL 等);`doctor` 会显示该文件的类型",
        source="F7",
    ),
    Row(
        id="text-not-utf8",
        patterns=(
            r"UnicodeDecodeError: '[\w-]+' codec can't decode byte",
            r"UnicodeEncodeError",
            r"is not UTF-8 text",
        ),
        means="a path or text file isn't in UTF-8",
        means_zh="路径或文本文件不是 UTF-8 编码",
        do=(
            "save captions as UTF-8 (`captions check` names those that aren't); give the model's file a name "
            "of Latin letters and digits"
        ),
        do_zh="将标签文件保存为 UTF-8(`captions check` 会列出);把模型文件名改为英文字母和数字",
        source="F8",
    ),
    Row(
        id="nan-latents",
        patterns=(r"NaN detected in (?:latents|text encoder outputs)",),
        means="the VAE gave no numbers for an image: a damaged image, or SDXL's VAE in fp16",
        means_zh="VAE 输出 NaN:图片损坏,或 SDXL 的 VAE 使用了 fp16",
        do=(
            "look at the image that is named; for SDXL use no_half_vae, bf16, or a VAE made for fp16 with vae=…"
        ),
        do_zh="检查日志中的图片;SDXL 请使用 no_half_vae、bf16,或通过 vae=… 使用 fp16-fix 版 VAE",
        source="F9",
    ),
    Row(
        id="meta-tensor",
        patterns=(r"Cannot copy out of meta tensor",),
        means="the base model lacks tensors",
        means_zh="底模损坏或不完整",
        do="download it again, or take another one; `doctor` looks at its head",
        do_zh="重新下载或更换底模;`doctor` 会检查文件头",
        source="F17",
    ),
    Row(
        id="model-damaged",
        patterns=(
            r"HeaderTooLarge",
            r"HeaderTooSmall",
            r"MetadataIncompleteBuffer",
            r"InvalidHeaderDeserialization",
            r"is no whole safetensors file",
            r"PytorchStreamReader failed",
            r"invalid load key, '<'",
        ),
        means="a model's file is damaged or not whole",
        means_zh="模型文件损坏或下载不完整",
        do="download it again: `model download` checks it",
        do_zh="重新下载:`model download` 会校验文件",
        source="torch",
    ),
    Row(
        id="model-missing",
        patterns=(
            r"the base model .* is missing",
            r"(?:FileNotFoundError|OSError): .*\.(?:safetensors|ckpt)",
            r"is not a local folder and is not a valid model identifier",
            r"is not the path to a directory containing an? ",
        ),
        means="the base model isn't where the settings say",
        means_zh="找不到底模文件",
        do="give its whole path as pretrained_model_name_or_path",
        do_zh="在 pretrained_model_name_or_path 中填写完整路径",
        source="sd-scripts",
    ),
    Row(
        id="torch-too-old",
        patterns=(
            r"Torch (?:version )?(?:below|lower than) 2\.3(?:\.0)?",
            r"fp8_base requires torch>=",
            r"torch 版本低于 2\.3",
        ),
        means="this training needs a newer torch",
        means_zh="该训练类型需要更新的 torch",
        do="`env upgrade` builds an environment with a newer one",
        do_zh="执行 `env upgrade` 安装新版本",
        source="F16",
    ),
    Row(
        id="tokenizer-offline",
        patterns=(r"Can't load tokenizer for", r"Unable to load vocabulary from file"),
        means="the tokenizer isn't on the disk",
        means_zh="本地没有分词器文件",
        do="start once with the network (`env settings --set offline=false`), or give tokenizer_cache_dir",
        do_zh="联网运行一次(`env settings --set offline=false`),或设置 tokenizer_cache_dir",
        source="sd-scripts",
    ),
)
