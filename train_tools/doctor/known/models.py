"""Base models, what belongs to them, and network weights; see `rule`."""

from __future__ import annotations

from train_tools.doctor.known.rule import AGAIN, ONLINE, UPGRADE, Rule, training

MODELS = (
    Rule(
        "cache-damaged",
        "a cache of encoded images or texts (.npz) is damaged, or another program's",
        "图片或文本的编码缓存（.npz）损坏，或由其他程序生成",
        "delete the .npz files beside the images and the folder train_tools/cache, then start again: they are "
        "made anew",
        "删除图片旁的 .npz 文件和 train_tools/cache 文件夹后重新开始，缓存会自动重新生成",
        error=r"\.npz|\.npy'|allow_pickle|pickled \(object\) data|is not a file in the archive|latents.*(?:cache|"
        r"npz)|cache file.*"
        r"(?:corrupt|damaged|invalid)",
        near=r"npz|np\.load|numpy|allow_pickle|\.npy",
        offers=(AGAIN,),
    ),
    Rule(
        "cache-damaged",
        "a cache of encoded images or texts (.npz) is damaged, or another program's",
        "图片或文本的编码缓存（.npz）损坏，或由其他程序生成",
        "delete the .npz files beside the images and the folder train_tools/cache, then start again: they are "
        "made anew",
        "删除图片旁的 .npz 文件和 train_tools/cache 文件夹后重新开始，缓存会自动重新生成",
        error=r"BadZipFile|not a zip file|Bad CRC-32|zlib\.error|magic string is not correct|EOFError|"
        r"Failed to interpret",
        near=r"\.npz|np\.load|load_latents|is_disk_cached",
        offers=(AGAIN,),
    ),
    Rule(
        "text-not-utf8",
        "a path or text file isn't in UTF-8, or the console can't show a letter",
        "路径或文本文件不是 UTF-8 编码，或控制台无法显示某个字符",
        "save captions as UTF-8 (`captions check` names those that aren't); give the model's file a name of "
        "Latin letters "
        "and digits; for words on the console set the variable PYTHONUTF8=1",
        "将标签文件保存为 UTF-8（`captions check` 会列出）；把模型文件名改为英文字母和数字；"
        "控制台文字可设置环境变量 PYTHONUTF8=1",
        error=r"Unicode(?:Decode|Encode|Translate)?Error|is not UTF-8 text|isn't UTF-8 text|codec can't (?:de|"
        r"en)code",
        line=r"is(?: not|n't) UTF-8 text|not UTF-8\)",
        source="F8",
    ),
    Rule(
        "nan-latents",
        "the VAE or the model gave no numbers (NaN): a damaged image, or SDXL's VAE in fp16",
        "VAE 或模型输出 NaN：图片损坏，或 SDXL 的 VAE 使用了 fp16",
        "look at the image that is named; for SDXL use no_half_vae, bf16, or a VAE made for fp16 with vae=…",
        "检查日志中的图片；SDXL 请使用 no_half_vae、bf16，或通过 vae=… 使用 fp16-fix 版 VAE",
        error=r"NaN detected in|NansException|tensor with (?:all )?NaNs|latents (?:contain|are) NaN|"
        r"no numbers \(NaN\)",
        line=r"NaN detected in|no numbers \(NaN\)|NansException",
        offers=(training("no_half_vae=true"), AGAIN),
        source="F9",
    ),
    Rule(
        "torch-too-old",
        "this training needs a newer torch",
        "该训练类型需要更新的 torch",
        "`env upgrade` builds an environment with a newer one (sd-scripts: `env create --sd-scripts`)",
        "执行 `env upgrade` 安装新版本（sd-scripts：`env create --sd-scripts`）",
        error=r"upgrade torch to|Torch (?:version )?(?:below|lower than) 2|requires? (?:at least )?(?:py)?torch ?>=|"
        r"Py[Tt]orch ?>= ?\d[\d.]* (?:is|or)|torch 版本低于|"
        r"module 'torch(?:\.\w+)*' has no attribute '(?!optim)(?!.*Optim)|"
        r"module 'torch\.nn' has no|cannot import name '\w+' from 'torch|unexpected keyword argument 'enable_gqa'|"
        r"torch\.library.*custom_op",
        line=r"^Torch (?:version )?(?:below|lower than) 2\.\d|fp8_base requires torch>=|torch 版本低于",
        offers=(UPGRADE,),
        source="F16",
    ),
    Rule(
        "pickle-refused",
        "the file holds code beside numbers (or is of an old kind), and isn't loaded for safety",
        "文件中除权重外还包含代码（或格式较旧），出于安全未加载",
        "take the model as .safetensors, or convert the file in a webui",
        "改用 .safetensors 格式的模型，或在 webui 中转换该文件",
        error=r"Weights only load failed|Unsupported global: GLOBAL|Unsupported (?:class|operand)|"
        r"weights_only|dangerous|UnsafePickle|may be malicious|WeightsUnpickler",
    ),
    Rule(
        "model-damaged",
        "a model's file is damaged or not whole",
        "模型文件损坏或下载不完整",
        "download it again: `model download` checks it; `doctor` looks at its head",
        "重新下载：`model download` 会校验文件；`doctor` 会检查文件头",
        error=r"HeaderToo(?:Large|Small)|MetadataIncompleteBuffer|InvalidHeader|InvalidOffset|"
        r"while deserializing header|"
        r"incomplete metadata|header too (?:large|small)|invalid header|is no whole safetensors file|is cut off|"
        r"PytorchStreamReader|unexpected EOF, expected|invalid load key|Ran out of input|UnpicklingError|"
        r"failed finding central directory|not a ZIP archive|file in archive is not in|might be corrupted|"
        r"is no (?:valid )?safetensors|tensors? (?:are|is) missing from the file|not a valid safetensors|"
        r"pickle data was truncated|unpickling stack underflow|BadZipFile|storage has wrong byte size|"
        r"Unable to load weights from (?:pytorch )?checkpoint|legacy.*tar file|"
        r"INVALID_PROTOBUF|Protobuf parsing failed|data is too short|invalid magic number|corrupt(?:ed)? (?:file|"
        r"model|checkpoint)",
        line=r"is no whole safetensors file|HeaderTooLarge|MetadataIncompleteBuffer|while deserializing header",
        source="torch",
    ),
    Rule(
        "meta-tensor",
        "the base model lacks tensors",
        "底模损坏或不完整",
        "download it again, or take another one; `doctor` looks at its head",
        "重新下载或更换底模；`doctor` 会检查文件头",
        error=r"meta tensor|on device meta|expected device meta",
        source="F17",
    ),
    Rule(
        "network-weights",
        "network_weights or resumed weights don't fit the network: another rank, kind or base model",
        "network_weights 与当前网络不匹配：rank、类型或底模不同",
        "set network_dim and network_alpha as the LoRA was trained, or take network_weights out",
        "将 network_dim、network_alpha 设为该 LoRA 训练时的值，或取消 network_weights",
        error=r"size of tensor a \(\d+\) must match the size of tensor b|network_weights|dim_from_weights|"
        r"size mismatch for (?:lora|lycoris)_|Error\(s\) in loading state_dict for Lo(?:RA|Con|Ha|Kr)\w*|"
        r"Error\(s\) in loading state_dict for Ly[Cc]o|Could not find a module type|No LoRA (?:modules|weights)",
    ),
    Rule(
        "part-not-given",
        "a model that this training needs isn't given: the text encoder, the VAE (ae) or the base model",
        "缺少该训练所需的模型文件：文本编码器、VAE（ae）或底模",
        "for FLUX give clip_l, t5xxl and ae; for SD 3 clip_l, clip_g and t5xxl; each as a whole path",
        "FLUX 需填写 clip_l、t5xxl、ae；SD3 需填写 clip_l、clip_g、t5xxl；均为完整路径",
        error=r"'NoneType' object has no attribute '(?:endswith|seek)'|You do not have \w+ state dict|"
        r"not NoneType$|argument should be a str.*not '?NoneType|(?:clip_l|t5xxl|clip_g|\bae\b).*(?:is required|"
        r"must be|"
        r"missing|not (?:given|found))",
        source="sd-scripts",
    ),
    Rule(
        "other-model-family",
        "the parameters are for another kind of base model, or a file is no model of the kind that is asked for",
        "训练参数与底模类型不符，或该文件不是所需类型的模型",
        "choose the family that fits the base model (SD 1.5, SDXL, FLUX, …), and give vae, ae and text encoders "
        "their own "
        "files; `doctor` says what a file is",
        "选择与底模相符的训练类型（SD1.5、SDXL、FLUX 等），并分别填写 vae、ae 与文本编码器文件；`doctor` "
        "会显示文件的类型",
        error=r"Error\(s\) in loading state_dict for|size mismatch for .*copying a param|following keys are missing|"
        r"Missing key\(s\) in state_dict|v2 cannot be enabled|mat1 and mat2 shapes|"
        r"KeyError: '?(?:time_embed|text_projection|text_model|transformer|model\.diffusion_model|cond_stage_model|"
        r"conditioner|first_stage_model|state_dict|double_blocks|single_blocks|label_emb|input_blocks|output_blocks|"
        r"middle_block|lora_unet|time_text_embed|img_in|txt_in|joint_blocks|x_embedder|encoder\.|decoder\.|"
        r"(?:clip_[lg]|text_encoders?|down_blocks|up_blocks|mid_block|embeddings|logit_scale|add_embedding)\b)|"
        r"Given groups=\d+, (?:weight|expected)|must specify y if|Cannot load <class|keys are missing:|"
        r"expected shape torch\.Size|recognize model type|expanded size of the tensor|text_embeds|time_ids|(?:is|"
        r"seems) (?:not|"
        r"no) (?:an? )?(?:SDXL|SD|FLUX)\w* "
        r"(?:model|checkpoint)|Only SDXL|for SDXL|not a (?:base model|checkpoint)|is a LoRA",
        source="F7",
    ),
    Rule(
        "tokenizer-offline",
        "the tokenizer isn't on the disk, or lacks files",
        "本地没有分词器文件，或文件不全",
        "start once with the network (`env settings --set offline=false`), or give tokenizer_cache_dir",
        "联网运行一次（`env settings --set offline=false`），或设置 tokenizer_cache_dir",
        error=r"Can't load tokenizer for|load vocabulary from file|tokenizer_config|vocab\.json|merges\.txt|"
        r"tokenizer\.json|spiece\.model|Couldn't instantiate the backend tokenizer|tokenizers? .*(?:not found|"
        r"missing)",
        line=r"Can't load tokenizer for|needs a file that isn't on this machine",
        offers=(ONLINE, AGAIN),
        source="sd-scripts",
    ),
    Rule(
        "model-missing",
        "a model isn't where the settings say",
        "找不到模型文件",
        "give the file's or folder's whole path as pretrained_model_name_or_path (vae, ae, … alike), or `model "
        "download` it",
        "在 pretrained_model_name_or_path（vae、ae 等同理）中填写文件或文件夹的完整路径，或用 `model download` 下载",
        error=r"the base model .* is missing|"
        r"(?:FileNotFoundError|OSError|NotADirectoryError|No such file)(?![^\n]*-state)[^\n]*\.(?:safetensors|"
        r"ckpt|pth?|bin|gguf)\b|"
        r"is not a local folder and is not|is not the path to a directory|"
        r"does not appear to have (?:a |any )?file|Error no file named|Unrecognized model in|"
        r"Can't load (?:the )?(?:configuration|config|model|weights|feature extractor|image processor)|"
        r"model_index\.json|config\.json|HFValidationError|Repo id must|EntryNotFoundError|404 Client Error|"
        r"no file .* found in (?:the )?(?:directory|folder)|NO_SUCHFILE|checkpoint .* (?:not found|does not exist)|"
        r"Stable diffusion model failed to load|'NoneType' object has no attribute 'lowvram'|No checkpoints found",
        line=r"the base model .* is missing|is not a local folder and is not|No checkpoints found",
        weak=True,  # the hub may have refused it, or not have answered
        source="sd-scripts",
    ),
)
