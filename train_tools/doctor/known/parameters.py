"""Settings and what is made of them: optimizers, schedulers, networks, files of settings; see `rule`."""

from __future__ import annotations

from dataclasses import replace

from train_tools.doctor.known.rule import AGAIN, SD_SCRIPTS, Rule, training

NETWORK_MODULE = Rule(
    "network-module",
    "network_module isn't given or isn't there, or sd-scripts runs in another program's environment",
    "未填写 network_module 或找不到该模块，或 sd-scripts 运行在其他程序的环境中",
    "set network_module=networks.lora (check its spelling); make sd-scripts' own environment with "
    "`env create --sd-scripts`",
    "设置 network_module=networks.lora（检查拼写）；用 `env create --sd-scripts` 创建独立环境",
    error=r"No module named '(?:networks|lycoris|library)(?:\.\w+)*'|network_module",
    line=r"^network module: None",
    offers=(training("network_module=networks.lora"), SD_SCRIPTS, AGAIN),
    source="sd-scripts",
)
# Before packages: their names look like those of packages.
NETWORKS = (
    NETWORK_MODULE,
    replace(
        NETWORK_MODULE,
        error=r"'NoneType' object has no attribute '(?:startswith|split|rpartition)'",
        line="",
        near=r"network module: None|network_module|import_module",
    ),
    Rule(
        "lycoris-kind",
        "this LyCORIS doesn't know the kind of network that algo names, or can't build it with these values",
        "该版本 LyCORIS 不支持 algo 指定的网络类型，或参数不适用",
        "set another algo in network_args (lora, locon, loha, lokr, dylora, glora, full, diag-oft, boft), or take "
        "networks.lora",
        "在 network_args 中改用其他 algo（lora、locon、loha、lokr、dylora、glora、full、diag-oft、boft），或改用 "
        "networks.lora",
        error=r"KeyError: '?(?:ia3|loha|lokr|locon|locoha|dylora|glora|full|diag-oft|boft|oft|tlora|glokr|abba)'?$|"
        r"(?:unknown|unsupported|invalid) (?:algo|network (?:type|algo))|einsum\(\)|EinopsError|"
        r"module '?lycoris\S* has no attribute",
        offers=(training("network_module=networks.lora"),),
    ),
    Rule(
        "block-values",
        "the list of values for the blocks has another length than the model has blocks",
        "分层参数的数量与模型的层数不符",
        "give block_dims, block_alphas and block weights as many values as the error says, or take them out of "
        "network_args",
        "block_dims、block_alphas 及分层权重的个数须与报错中一致，或将其从 network_args 中移除",
        error=r"block_\w+ must have \d+|(?:block|down|up|mid)\w*(?:dims|weights|alphas|lr_weight)\S* .*"
        r"(?:must|elements|length)|must have \d+ elements",
    ),
    Rule(
        "lycoris-duplicate",
        "this LyCORIS names a layer twice with its preset",
        "该版本 LyCORIS 的预设会重复命名层",
        "add preset=attn-mlp to network_args, or use LyCORIS 3.2",
        "在 network_args 中加入 preset=attn-mlp，或使用 LyCORIS 3.2",
        error=r"duplicated lora name",
        source="sd-scripts",
    ),
    Rule(
        "optimizer-unknown",
        "there is no optimizer of that name",
        "没有该名称的优化器",
        "`arguments show optimizer_type` lists them",
        "用 `arguments show optimizer_type` 查看可用名称",
        error=r"module '(?:torch\.optim|\w+optim\w*|prodigyopt|dadaptation|schedulefree|"
        r"pytorch_optimizer)' has no attribute|"
        r"unknown optimizer|optimizer_type.*(?:not found|unknown|is no)|No module named 'torch\.optim|"
        r"optimizer \S+ (?:not found|is not supported)|Optimizer class .* not found|not a valid optimizer",
        offers=(training("optimizer_type=AdamW"), AGAIN),
        source="sd-scripts",
    ),
)
PARAMETERS = (
    Rule(
        "scheduler",
        "the learning rate's scheduler lacks a value, or gets one that it doesn't take",
        "学习率调度器缺少参数，或参数与之不匹配",
        "with constant set lr_warmup_steps=0, or take constant_with_warmup; others want lr_scheduler_args "
        "(cosine_with_min_lr: min_lr=…); `arguments show lr_scheduler` lists the names",
        "constant 需设置 lr_warmup_steps=0，或改用 constant_with_warmup；其他调度器可能需要 lr_scheduler_args"
        "（如 cosine_with_min_lr 需要 min_lr=…）；`arguments show lr_scheduler` 可查看名称",
        error=r"num_warmup_steps|num_training_steps|SchedulerType|lr_scheduler|requires `\w+`|min_lr|"
        r"(?:LR|Lr|lr)_?[Ss]cheduler|OneCycleLR|CosineAnnealing|get_\w+_schedule|warmup steps|"
        r"num_decay_steps|unknown scheduler",
        offers=(training("lr_warmup_steps=0"), AGAIN),
        source="sd-scripts",
    ),
    Rule(
        "accelerate-version",
        "accelerate has another version than sd-scripts or the program needs",
        "accelerate 版本与程序所需不符",
        "make the environment anew: `env create --sd-scripts` for sd-scripts, else `env upgrade`",
        "重新创建环境：sd-scripts 用 `env create --sd-scripts`，否则用 `env upgrade`",
        error=r"Accelerator(?:\.__init__\(\)|State)?.*unexpected keyword argument|AcceleratorState.*has no attribute|"
        r"unexpected keyword argument '(?:dispatch_batches|logging_dir|even_batches|split_batches|dynamo_backend)'",
        offers=(SD_SCRIPTS,),
    ),
    Rule(
        "optimizer-rates",
        "this optimizer finds its learning rate by itself, or wants one rate for all parts",
        "该优化器会自动调整学习率，或要求各部分使用同一学习率",
        "D-Adaptation and Prodigy want learning_rate=1 and equal unet_lr and text_encoder_lr; Adafactor with its "
        "own rate "
        "wants optimizer_args relative_step=False",
        "D-Adaptation、Prodigy 需 learning_rate=1 且 unet_lr 与 text_encoder_lr 相同；Adafactor 手动设学习率时需在 "
        "optimizer_args 中加入 relative_step=False",
        error=r"different lr values in different parameter groups|relative_step|Cannot combine `lr`|warmup_init|"
        r"Optimizer was not in train mode|not in train mode|scale_parameter|only supports one (?:param|"
        r"parameter) group|"
        r"d0 must|learning rate .*(?:too (?:high|low))",
        offers=(
            training("learning_rate=1"),
            training("unet_lr=none"),
            training("text_encoder_lr=none"),
            AGAIN,
        ),
    ),
    Rule(
        "nothing-trains",
        "no part of the model is left to train",
        "没有可训练的参数",
        "take network_train_unet_only or network_train_text_encoder_only out, give learning rates above 0, and look "
        "whether the network's kind, algo or preset covers any layer",
        "取消 network_train_unet_only 或 network_train_text_encoder_only，学习率应大于 0，并检查网络类型、algo、"
        "preset "
        "是否包含任何层",
        error=r"empty parameter list|does not require grad|no trainable|No parameters to optimize|"
        r"no (?:LoRA|lora) modules|element 0 of tensors|one of the variables needed for gradient",
    ),
    Rule(
        "cache-conflict",
        "what is cached can't be changed or trained any more",
        "已缓存的内容不能再改变或训练",
        "with cache_text_encoder_outputs set network_train_unet_only=true, and no shuffle_caption, "
        "caption_dropout or tag dropout; with cache_latents no color_aug and random_crop",
        "使用 cache_text_encoder_outputs 时设置 network_train_unet_only=true，且不能用 shuffle_caption、"
        "caption_dropout、"
        "标签丢弃；使用 cache_latents 时不能用 color_aug、random_crop",
        error=r"caching (?:Text Encoder|latents)|cache_text_encoder_outputs|cache_latents|"
        r"cached (?:text encoder|latents)|Text Encoder cannot be trained",
        offers=(training("network_train_unet_only=true"), training("shuffle_caption=false"), AGAIN),
    ),
    Rule(
        "optimizer-args",
        "optimizer_args or network_args hold a word or value that isn't understood",
        "optimizer_args 或 network_args 中有无法识别的参数或值",
        "write each as name=value, separated by spaces and without commas, as weight_decay=0.01 betas=0.9,0.99; "
        "`arguments show optimizer_args` tells more",
        "每项写成 名称=值，用空格分隔，如 weight_decay=0.01 betas=0.9,0.99；`arguments show optimizer_args` 有说明",
        error=r"(?:^TypeError: |\w*(?:Adam|Optim|Lion|Adapt|Adafactor|Prodigy|CAME|Muon|Sophia|Schedule|SGD|"
        r"RMSprop|Lamb|"
        r"Network|LoRA|Lycoris|Module)\w*\.)__init__\(\) got an unexpected|create_network\(\) got an unexpected|"
        r"malformed node or string|not enough values to unpack \(expected 2, got 1|"
        r"Invalid (?:beta|epsilon|eps|weight_decay|weight decay|momentum|learning rate)|"
        r"optimizer_args|network_args|literal_eval|invalid syntax \(<unknown>",
    ),
    Rule(
        "number-as-text",
        "a number in the settings file stands in quotes, or a text where a number is wanted",
        "配置文件中的数字被写成了字符串，或应填数字处填了文字",
        "write learning_rate = 1e-4 without quotes in the TOML; `arguments import` reads such a file rightly",
        "在 TOML 中去掉引号：learning_rate = 1e-4；或用 `arguments import` 导入",
        error=r"'[<>]=?' not supported between instances of '(?:float|int|str)' and|"
        r"could not convert string to float|"
        r"invalid literal for (?:int|float)|can't multiply sequence by non-int|"
        r"unsupported operand type\(s\) for [-+*/]+: '(?:str|int|float)' and '(?:str|int|float)'",
        source="sd-scripts",
    ),
    Rule(
        "settings-file",
        "a file of settings can't be read: its TOML, JSON or YAML is broken",
        "配置文件无法读取：TOML、JSON 或 YAML 格式有误",
        "mend the line that is named; in TOML write paths with / or in 'single quotes'",
        "修正报错所指的行；TOML 中的路径请使用 / 或写在单引号内",
        error=r"T(?:oml|OML)Decode|JSONDecodeError|(?:Scanner|Parser|YAML)Error|reserved escape|Unescaped|"
        r"Invalid (?:TOML|statement|value) \(at line|Expecting (?:value|property|',')|Extra data:|yaml\.|voluptuous|"
        r"MultipleInvalid|extra keys not allowed|Invalid user config|can't be read as (?:JSON|TOML)",
        line=r"Invalid user config|can't be read as (?:JSON|TOML)",
    ),
    Rule(
        "unknown-argument",
        "the program doesn't know an argument, or its value",
        "参数名或参数值无效",
        "`arguments show NAME` tells what it takes; the version of sd-scripts may be an older one",
        "用 `arguments show 参数名` 查看取值；也可能是 sd-scripts 版本较旧",
        error=r"unrecognized arguments|invalid choice|ArgumentError|arguments are required|"
        r"(?:must|should) be one of|is not a valid (?:choice|value|\w+Type)|No such option",
        line=r"error: (?:unrecognized arguments|argument |the following arguments are required|ambiguous option)|"
        r"Error: No such option",
        source="sd-scripts",
    ),
    Rule(
        "resume-missing",
        "the saved state to go on from isn't there, not whole, or of another training",
        "要恢复的训练状态不存在、不完整，或属于其他训练",
        "start the run again: `train --again`; runs of the queue find their states themselves",
        "用 `train --again` 重新训练；队列中的任务会自动找到保存的状态",
        error=r"Tried to find .* but folder|train_state\.json|is not a folder of a saved state|"
        r"loaded state dict|parameter group that doesn't match|optimizer\.bin|No such file[^\n]*-state\b|"
        r"random_states|load_state|state can't be read",
        source="sd-scripts",
    ),
    Rule(
        "wandb-login",
        "Weights & Biases wants a login",
        "Weights & Biases 需要登录",
        "set log_with=tensorboard, or wandb_key in the program's settings",
        "设置 log_with=tensorboard，或在程序设置中填写 wandb_key",
        error=r"wandb.*(?:api_key|login|UsageError|CommError)|api_key not configured|wandb\.errors",
        offers=(training("log_with=tensorboard"), AGAIN),
    ),
    Rule(
        "loss-nan",
        "the loss is no number any more: the LoRA is lost",
        "损失变为 NaN，训练结果无效",
        "lower the learning rate, use bf16 in place of fp16, set max_grad_norm=1, or no_half_vae for SDXL. A "
        "loss that "
        "merely swings says little: judge by pictures",
        "降低学习率，用 bf16 代替 fp16，设置 max_grad_norm=1，SDXL 开启 no_half_vae。损失仅仅波动无需在意，"
        "以出图效果为准",
        error=r"loss (?:is|was|became) (?:nan|inf|not finite)|NaN loss|tensors? (?:are|is) not finite|"
        r"Loss is nan|contains NaN|non-finite",
        line=r"(?:\w*loss|norm)=-?(?:nan|inf)\b|\bloss (?:is|was) (?:nan|inf|not finite)|NaN loss|"
        r"tensors? (?:are|is) not finite",
        offers=(training("mixed_precision=bf16"), training("max_grad_norm=1"), AGAIN),
        source="F12",
    ),
    Rule(
        "settings-conflict",
        "two settings don't go together, or one is missing; the line says which",
        "两个设置互相冲突，或缺少某个设置；日志中的这一行有说明",
        "change what the line names; `plan` checks most of this beforehand",
        "按该行的说明修改；`plan` 会事先检查大部分冲突",
        error=r"(?:cannot|can't|can not|must not|should not|could not) be (?:used|specified|enabled|set|combined|"
        r"applied)|"
        r"mutually exclusive|(?:is|are) not supported (?:with|when|for|in|by|yet)|must be (?:specified|set|given|"
        r"used) |"
        r"(?:is|are) required (?:when|for|if|to)|(?:does not|doesn't|do not) (?:support|go together)|"
        r"only (?:available|supported|works) (?:with|for|in)|should be (?:specified|set) |incompatible with",
        weak=True,
    ),
)
