"""Errors as they stand in logs, with what they mean and what helps. A new one is one row.

Sources: F1 … F20 is the FAQ of SD-Trainer's installer (licyk, sd-webui-all-in-one) by its rows; `sd-scripts` was read
off its source or a run of it (main, 2026-02-16); `torch`, `pip` and so on are the messages of those programs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`patterns` are regular expressions, one of which stands in a line; `weak` ones follow from other errors."""

    id: str
    patterns: tuple[str, ...]
    means: str
    means_zh: str
    do: str
    do_zh: str
    source: str
    weak: bool = False


INSTALLING = (
    Row(
        id="garbled-text",
        patterns=(r"锟斤拷", r"\ufffd{4,}", r"(?:[ÃÂ][\x80-\xbf]){4,}"),
        means="text was written in one encoding and read in another",
        means_zh="文字编码不一致,显示为乱码",
        do=(
            'in Windows: Control Panel, Region, Administrative, Change system locale: untick "Use Unicode '
            'UTF-8 for worldwide language support", and restart'
        ),
        do_zh=(
            "Windows 控制面板 → 区域 → 管理 → 更改系统区域设置,取消勾选「使用 Unicode UTF-8 提供全球语言支持」,"
            "然后重启"
        ),
        source="F1",
    ),
    Row(
        id="script-not-signed",
        patterns=(
            r"is not digitally signed",
            r"running scripts is disabled on this system",
            r"未对文件.*进行数字签名",
            r"禁止运行脚本",
        ),
        means="PowerShell's policy forbids scripts",
        means_zh="PowerShell 执行策略禁止运行脚本",
        do=(
            "in PowerShell: Set-ExecutionPolicy RemoteSigned -Scope CurrentUser; or start with python -m "
            "train_tools"
        ),
        do_zh=(
            "在 PowerShell 中执行 Set-ExecutionPolicy RemoteSigned -Scope CurrentUser;或直接用 python -m train_"
            "tools 启动"
        ),
        source="F2",
    ),
    Row(
        id="torch-no-gpu",
        patterns=(
            r"Torch is not able to use GPU",
            r"Torch cannot use the GPU",
            r"Torch not compiled with CUDA enabled",
            r"Found no NVIDIA driver",
            r"NVIDIA driver on your system is too old",
            r"CUDA driver version is insufficient for CUDA runtime version",
            r"Torch 无法使用 ?GPU",
        ),
        means="torch can't use the GPU: the driver's CUDA is older than torch's, or torch is a CPU build",
        means_zh="torch 无法使用显卡:驱动支持的 CUDA 低于 torch 的版本,或安装了 CPU 版 torch",
        do=(
            "update the GPU's driver (compare nvidia-smi's CUDA Version with `doctor`), or choose an older "
            "build: `env settings --set torch=cu126`, then `env upgrade`"
        ),
        do_zh=(
            "更新显卡驱动(用 nvidia-smi 的 CUDA Version 与 `doctor` 对比),或改用较旧版本:`env settings --set to"
            "rch=cu126` 后执行 `env upgrade`"
        ),
        source="F3",
    ),
    Row(
        id="gpu-too-old-for-torch",
        patterns=(
            r"no kernel image is available for execution on the device",
            r"is not compatible with the current PyTorch installation",
        ),
        means="this build of torch holds no code for this GPU",
        means_zh="该 torch 版本不支持此显卡的架构",
        do=(
            "`env settings --set torch=cu126` for GPUs before the RTX 20 series, torch=cuda for newer ones, "
            "then `env upgrade`"
        ),
        do_zh=(
            "RTX 20 系列之前的显卡:`env settings --set torch=cu126`;较新的显卡用 torch=cuda,然后 `env upgrade`"
        ),
        source="torch",
    ),
    Row(
        id="xformers-other-torch",
        patterns=(r"xFormers can't load C\+\+/CUDA extensions", r"xFormers was built for"),
        means="xformers was built for another torch",
        means_zh="xformers 与当前 torch 版本不匹配",
        do=(
            "install the xformers for this torch, or take it out and use sdpa=true in place of xformers=true"
        ),
        do_zh="安装与 torch 对应的 xformers,或卸载它并用 sdpa=true 代替 xformers=true",
        source="F4",
    ),
    Row(
        id="component-missing",
        patterns=(r"Directory 'frontend[/\\]dist' does not exist", r"Submodule .* (?:not|failed)"),
        means="a part of the program was not fetched",
        means_zh="程序组件缺失(子模块未下载)",
        do="update that program, or install it again; Train Tools itself has no such part",
        do_zh="更新或重新安装该程序;Train Tools 本身没有这个组件",
        source="F5",
    ),
    Row(
        id="download-damaged",
        patterns=(r"THESE PACKAGES DO NOT MATCH THE HASHES", r"Hash mismatch for", r"BadZipFile"),
        means="a downloaded package is damaged",
        means_zh="下载的安装包已损坏",
        do="`python -m pip cache purge` (or `uv cache clean`), then `env create` again; try another mirror",
        do_zh="执行 `python -m pip cache purge`(或 `uv cache clean`),再次 `env create`;或更换镜像",
        source="F6",
    ),
    Row(
        id="vc-runtime",
        patterns=(
            r"Microsoft Visual C\+\+ Redistributable is not installed",
            r"VCRUNTIME140(?:_1)?\.dll",
            r"MSVCP140\.dll",
            r"\[WinError (?:126|1114)\].*(?:torch|c10|fbgemm|shm)\S*\.dll",
            r"DLL load failed while importing",
        ),
        means="Windows lacks the Visual C++ runtime",
        means_zh="缺少 Microsoft Visual C++ 运行库",
        do="install Microsoft's vc_redist.x64 and start again",
        do_zh="安装微软 vc_redist.x64 运行库后重试",
        source="F18",
    ),
    Row(
        id="network-unreachable",
        patterns=(
            r"connected party did not properly respond",
            r"连接尝试失败",
            r"NewConnectionError",
            r"ConnectTimeoutError",
            r"Max retries exceeded with url",
            r"Temporary failure in name resolution",
            r"getaddrinfo failed",
            r"Name or service not known",
            r"LocalEntryNotFoundError",
            r"couldn't connect to 'https?://",
            r"We couldn't connect to",
            r"error sending request for url",
            r"Connection reset by peer",
            r"WinError 10060",
        ),
        means="a server can't be reached",
        means_zh="网络不通,无法连接服务器",
        do=(
            "check the network; choose a proxy or mirrors with `env settings --set proxy=http://…` or `--set "
            "hugging_face=https://…`, and start again"
        ),
        do_zh=(
            "检查网络;用 `env settings --set proxy=http://…` 设置代理或 `--set hugging_face=https://…` 设置镜像"
            "后重试"
        ),
        source="F19",
    ),
    Row(
        id="install-failed",
        patterns=(
            r"ERROR: (?:Failed building wheel|Could not install packages|No matching distribution found)",
            r"No solution found when resolving dependencies",
            r"error: Failed to (?:fetch|download)",
            r"failed; check network, proxy",
        ),
        means="a step of the installation failed",
        means_zh="安装步骤失败",
        do=(
            "call `env create` again, it goes on where it stopped; or without uv: `env settings --set "
            "installer=pip`"
        ),
        do_zh="再次执行 `env create`,会从中断处继续;或不使用 uv:`env settings --set installer=pip`",
        source="F20",
    ),
    Row(
        id="numpy-abi",
        patterns=(
            r"compiled using NumPy 1\.x cannot be run in NumPy 2",
            r"numpy\.dtype size changed",
            r"numpy\.core\.multiarray failed to import",
        ),
        means="a package was built for another numpy",
        means_zh="某个包与 numpy 版本不兼容",
        do="make the environment anew: `env upgrade`",
        do_zh="重新创建环境:`env upgrade`",
        source="numpy",
    ),
    Row(
        id="package-missing",
        patterns=(
            r"ModuleNotFoundError: No module named '(?!networks\.|lycoris|library)[\w.]+'",
            r"No (?:xformers|bitsandbytes|dadaptation|Prodigy|schedulefree|lion_pytorch|wandb) / ",
            r"ImportError: cannot import name '\w+' from '(?:huggingface_hub|transformers|diffusers|accelerate)",
        ),
        means="a package is missing, or has another version than is needed",
        means_zh="缺少软件包,或版本不符",
        do=(
            "`env check` names it; `env create` (with --sd-scripts for that engine) mends it; xformers=true "
            "needs xformers, sdpa=true doesn't"
        ),
        do_zh=(
            "`env check` 会指出缺少的包;`env create`(sd-scripts 加 --sd-scripts)可修复;xformers=true 需要 xform"
            "ers,sdpa=true 不需要"
        ),
        source="sd-scripts",
    ),
)
