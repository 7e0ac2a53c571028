"""The catalogue's rows for parameters, files and ports; see `catalogue`."""

from __future__ import annotations

from train_tools.doctor.catalogue import Row

PARAMETERS = (
    Row(
        id="loss-nan",
        patterns=(
            r"avr_loss=-?(?:nan|inf)\b",
            r"\bloss (?:is|was) (?:nan|inf|not finite)",
            r"NaN loss",
            r"tensors? (?:are|is) not finite",
        ),
        means="the loss is no number any more: the LoRA is lost",
        means_zh="loss 变为 NaN,训练结果无效",
        do=(
            "lower the learning rate, use bf16 in place of fp16, set max_grad_norm=1, or no_half_vae for SDXL. "
            "A loss that merely swings says little: judge by pictures"
        ),
        do_zh=(
            "降低学习率,用 bf16 代替 fp16,设置 max_grad_norm=1,SDXL 开启 no_half_vae。loss 仅仅波动无需在意,以"
            "出图效果为准"
        ),
        source="F12",
    ),
    Row(
        id="port-taken",
        patterns=(
            r"\[Errno (?:13|98|10013|10048|48)\].*(?:bind|address)",
            r"[Aa]ddress already in use",
            r"error while attempting to bind on address",
            r"WinError 100(?:13|48)",
            r"Cannot find empty port",
        ),
        means="another program has the port",
        means_zh="端口被占用",
        do="close the other program, or start with another --port",
        do_zh="关闭占用端口的程序,或用 --port 指定其他端口",
        source="F14",
    ),
    Row(
        id="permission",
        patterns=(r"PermissionError: \[(?:Errno 13|WinError (?:5|32))\]", r"Access is denied", r"拒绝访问"),
        means="a file can't be written: another program has it open, or it isn't yours",
        means_zh="文件无法写入:被占用或没有权限",
        do="close what uses the file (also virus scanners), and keep the root in a folder of yours",
        do_zh="关闭占用该文件的程序(包括杀毒软件),并把根目录放在自己有写权限的位置",
        source="python",
        weak=True,
    ),
    Row(
        id="path-too-long",
        patterns=(r"\[Errno 36\] File name too long", r"\[WinError 206\]", r"Filename too long"),
        means="a path is longer than the system allows",
        means_zh="路径过长",
        do="in Windows allow long paths (`doctor` says how), or move the root to a shorter path",
        do_zh="Windows 请开启长路径支持(`doctor` 有说明),或把根目录移到较短的路径",
        source="windows",
    ),
    Row(
        id="network-module",
        patterns=(
            r"No module named 'networks\.\w+'",
            r"No module named 'lycoris(?:\.\w+)*'",
            r"No module named 'library(?:\.\w+)*'",
        ),
        means="network_module isn't there, or sd-scripts runs in another program's environment",
        means_zh="找不到 network_module,或 sd-scripts 运行在其他程序的环境中",
        do=(
            "check network_module's spelling; make sd-scripts' own environment with `env create --sd-scripts`"
        ),
        do_zh="检查 network_module 拼写;用 `env create --sd-scripts` 创建独立环境",
        source="sd-scripts",
    ),
    Row(
        id="lycoris-duplicate",
        patterns=(r"duplicated lora name",),
        means="this LyCORIS names a layer twice with its preset",
        means_zh="该版本 LyCORIS 的预设会重复命名层",
        do="add preset=attn-mlp to network_args, or use LyCORIS 3.2",
        do_zh="在 network_args 中加入 preset=attn-mlp,或使用 LyCORIS 3.2",
        source="sd-scripts",
    ),
    Row(
        id="optimizer-unknown",
        patterns=(
            r"module 'torch\.optim' has no attribute",
            r"unknown optimizer",
            r"optimizer_type.*(?:not found|unknown)",
        ),
        means="there is no optimizer of that name",
        means_zh="没有该名称的优化器",
        do="`arguments show optimizer_type` lists them",
        do_zh="用 `arguments show optimizer_type` 查看可用名称",
        source="sd-scripts",
    ),
    Row(
        id="scheduler-warmup",
        patterns=(r"does not require `num_warmup_steps`", r"requires `num_warmup_steps`"),
        means="this scheduler and lr_warmup_steps don't go together",
        means_zh="该学习率调度器与 lr_warmup_steps 不匹配",
        do="with constant set lr_warmup_steps=0, or take constant_with_warmup",
        do_zh="constant 需设置 lr_warmup_steps=0,或改用 constant_with_warmup",
        source="sd-scripts",
    ),
    Row(
        id="number-as-text",
        patterns=(
            r"TypeError: '[<>]=?' not supported between instances of '(?:float|int|str)' and '(?:float|int|str)'",
        ),
        means="a number in the settings file stands in quotes",
        means_zh="配置文件中的数字被写成了字符串",
        do=(
            "write learning_rate = 1e-4 without quotes in the TOML; `arguments import` reads such a file "
            "rightly"
        ),
        do_zh="在 TOML 中去掉引号:learning_rate = 1e-4;或用 `arguments import` 导入",
        source="sd-scripts",
    ),
    Row(
        id="unknown-argument",
        patterns=(r"error: unrecognized arguments:", r"error: argument --\S+: (?:invalid|expected)"),
        means="the program doesn't know an argument, or its value",
        means_zh="参数名或参数值无效",
        do="`arguments show NAME` tells what it takes; the version of sd-scripts may be an older one",
        do_zh="用 `arguments show 参数名` 查看取值;也可能是 sd-scripts 版本较旧",
        source="sd-scripts",
    ),
    Row(
        id="half-precision",
        patterns=(
            r"Attempting to unscale FP16 gradients",
            r"expected scalar type \w+ but found \w+",
            r"Input type \(.*\) and (?:bias|weight) type \(.*\) should be the same",
        ),
        means="parts of the training are in different precisions",
        means_zh="训练中混用了不同精度",
        do="set full_fp16=false with mixed_precision=fp16, or use bf16; for the VAE no_half_vae=true",
        do_zh="mixed_precision=fp16 时设置 full_fp16=false,或使用 bf16;VAE 使用 no_half_vae=true",
        source="torch",
    ),
    Row(
        id="bf16-unsupported",
        patterns=(r"bf16 mixed precision requires", r"doesn't support bf16"),
        means="this GPU can't do bf16",
        means_zh="显卡不支持 bf16",
        do="set mixed_precision=fp16 (bf16 begins with the RTX 30 series)",
        do_zh="设置 mixed_precision=fp16(RTX 30 系列起支持 bf16)",
        source="accelerate",
    ),
    Row(
        id="resume-missing",
        patterns=(
            r"Tried to find .* but folder does not exist",
            r"train_state\.json",
            r"is not a folder of a saved state",
        ),
        means="the saved state to go on from isn't there or not whole",
        means_zh="要恢复的训练状态不存在或不完整",
        do="start the run again: `train --again`; runs of the queue find their states themselves",
        do_zh="用 `train --again` 重新训练;队列中的任务会自动找到保存的状态",
        source="sd-scripts",
    ),
)
