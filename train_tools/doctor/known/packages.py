"""Packages that are missing, don't fit each other or can't be loaded, and how they are installed; see `rule`."""

from __future__ import annotations

from train_tools.doctor.known.rule import AGAIN, CREATE, SD_SCRIPTS, UPGRADE, Rule, program, training

PACKAGES = (
    Rule(
        "xformers-other-torch",
        "xformers isn't installed, was built for another torch, or can't do this GPU's or these settings' attention",
        "xformers 未安装、与当前 torch 不匹配，或不支持该显卡、该设置下的注意力运算",
        "use sdpa=true in place of xformers=true; or install the xformers for this torch",
        "用 sdpa=true 代替 xformers=true；或安装与 torch 对应的 xformers",
        error=r"xformers|memory_efficient_attention|Query/Key/Value should",
        line=r"^No xformers|xformers (?:is|isn't|was) (?:not )?installed; take",
        offers=(training("xformers=false"), training("sdpa=true"), AGAIN),
        source="F4",
    ),
    Rule(
        "torchvision-other-torch",
        "torchvision or torchaudio was built for another torch",
        "torchvision 或 torchaudio 与 torch 版本不匹配",
        "make the environment anew: `env upgrade` (sd-scripts: `env create --sd-scripts`)",
        "重新创建环境：`env upgrade`（sd-scripts：`env create --sd-scripts`）",
        error=r"torch(?:vision|audio)(?:::|\.\w|.*(?:version|incompatib|extension|attribute))|custom C\+\+ ops",
        offers=(UPGRADE, SD_SCRIPTS),
    ),
    Rule(
        "package-other-torch",
        "a compiled package was built for another torch, CUDA or Python",
        "某个编译过的包与当前的 torch、CUDA 或 Python 版本不匹配",
        "take the package out or install the one for this torch; `env upgrade` makes an environment whose "
        "packages fit",
        "卸载该包或安装与 torch 对应的版本；`env upgrade` 会创建各包相互匹配的环境",
        error=r"undefined symbol: _Z|DLL load failed while importing (?:flash_attn|_C\b|sageattn|nunchaku|exllama)|"
        r"\[WinError 127\]|procedure could not be found|找不到指定的程序|flash_attn_2_cuda|version `?CXXABI|"
        r"libc10|libtorch|torch_cuda|was compiled (?:with|against)|built (?:for|with) (?:a )?(?:different|another)|"
        r"Detected that PyTorch and \S+ were compiled with different CUDA|\[WinError 193\]|not a valid Win32",
        offers=(UPGRADE,),
    ),
    Rule(
        "vc-runtime",
        "Windows lacks the Visual C++ runtime, or has an old one",
        "缺少 Microsoft Visual C++ 运行库，或版本过旧",
        "install Microsoft's vc_redist.x64 and start again; if it stays, make the environment anew with `env "
        "upgrade`",
        "安装微软 vc_redist.x64 运行库后重试；仍出错则用 `env upgrade` 重建环境",
        error=r"Microsoft Visual C\+\+ Redistributable|(?:VC|ms)runtime140|MSVCP140|"
        r"\[WinError (?:126|182|998|1114|1157)\]|DLL load failed|动态链接库|初始化例程失败",
        line=r"Visual C\+\+ Redistributable is not installed|VCRUNTIME140(?:_1)?\.dll|MSVCP140\.dll",
        source="F18",
    ),
    Rule(
        "system-library",
        "a library of the system is missing or too old",
        "系统缺少某个库，或版本过旧",
        "install it with the system's packages (libGL: `apt install libgl1 libglib2.0-0`; GLIBCXX: a newer system or "
        "libstdc++); libraries of CUDA come with torch: `env upgrade`",
        "用系统的包管理器安装（libGL：`apt install libgl1 libglib2.0-0`；GLIBCXX：更新系统或 libstdc++）；"
        "CUDA 相关的库随 torch 安装：`env upgrade`",
        error=r"cannot open shared object file|GLIBC(?:XX)?_[\d.]+|Library not loaded|image not found|"
        r"wrong ELF class|"
        r"invalid ELF header",
        line=r"GLIBC(?:XX)?_[\d.]+' not found|Library not loaded",
    ),
    Rule(
        "openmp-twice",
        "two packages bring OpenMP along and get in each other's way",
        "两个包各自带了 OpenMP，互相冲突",
        "set the variable KMP_DUPLICATE_LIB_OK=TRUE, or make the environment anew with `env upgrade`",
        "设置环境变量 KMP_DUPLICATE_LIB_OK=TRUE，或用 `env upgrade` 重建环境",
        error=r"OMP: Error #15|libiomp5",
        line=r"OMP: Error #15|libiomp5md",
        offers=(UPGRADE,),
    ),
    Rule(
        "numpy-abi",
        "a package was written or built for another numpy",
        "某个包与 numpy 版本不兼容",
        "make the environment anew: `env upgrade` (sd-scripts: `env create --sd-scripts`)",
        "重新创建环境：`env upgrade`（sd-scripts：`env create --sd-scripts`）",
        error=r"compiled using NumPy 1\.x|numpy\.\w+ size changed|numpy\.core|numpy\._core|"
        r"module '(?:numpy|np)' has no attribute|_ARRAY_API|Numpy is not available|needs NumPy|"
        r"`np\.\w+` was (?:removed|a )|"
        r"cannot import name '\w+' from 'numpy|numpy.*(?:incompatib|version)",
        line=r"compiled using NumPy 1\.x cannot|numpy\.dtype size changed|numpy\.core\.multiarray failed",
        offers=(UPGRADE, SD_SCRIPTS),
        source="numpy",
    ),
    Rule(
        "python-version",
        "this Python is too old or too new for a package",
        "Python 版本过旧或过新，与某个包不兼容",
        "install Python 3.10 to 3.12 and call `env create` with it",
        "安装 Python 3.10 至 3.12，并用它执行 `env create`",
        error=r"No module named '(?:distutils|imp|_lzma|_ctypes|_sqlite3|_bz2|tkinter|pip|ensurepip|venv)'|"
        r"ImpImporter|"
        r"requires a different Python|Requires-Python|for \|: 'type' and|"
        r"Python (?:version )?3\.\d+.*(?:or (?:newer|later|"
        r"higher)|is (?:required|needed|not supported))|no longer supports? Python|type' object is not subscriptable",
        line=r"requires a different Python|Requires-Python|Python was not found|Python 3\.\d+ or newer is needed|"
        r"['\"]?python3?['\"]? (?:is not recognized|不是内部或外部命令)|python3?: (?:command )?not found|"
        r"ensurepip is not available|Python 3\.\d+ is required",
    ),
    Rule(
        "sd-scripts-files",
        "a script of sd-scripts isn't where it is looked for",
        "找不到 sd-scripts 的脚本文件",
        "install sd-scripts again: `env create --sd-scripts`",
        "重新安装 sd-scripts：`env create --sd-scripts`",
        error=r"can't open file|No such file or directory: '[^']*(?:_train|train_)\w*\.py'",
        line=r"can't open file '[^']*\.py'",
        offers=(SD_SCRIPTS,),
    ),
    Rule(
        "package-version",
        "a package has another version than is needed",
        "软件包版本与所需不符",
        "`env check` names it; `env upgrade` (sd-scripts: `env create --sd-scripts`) makes an environment whose "
        "versions fit",
        "`env check` 会指出不符的包；`env upgrade`（sd-scripts：`env create --sd-scripts`）会安装相互匹配的版本",
        error=r"cannot import name '\w+' from|No module named '(?:torch|transformers|diffusers|huggingface_hub|"
        r"accelerate|"
        r"pytorch_lightning|gradio|pydantic|PIL)\.\w|is required for a normal functioning of this module|"
        r"VersionConflict|"
        r"Could not import module '|requirements defined correctly|Failed to import \w+|"
        r"(?:CLIP|T5|UNet|Auto|PreTrained|HfApi|hf_hub|snapshot_download|Diffusion|Transformer|Trainer|Gradio|Blocks|"
        r"FastAPI|Client)\w*(?:\.\w+(?:\(\))?)?(?:\(\))? got an unexpected keyword|"
        r"module '(?:transformers|diffusers|accelerate|huggingface_hub|PIL|peft|tokenizers|safetensors|google|gradio|"
        r"pydantic|cv2|httpx|requests|einops|timm|open_clip|pkg_resources|onnx\w*|tensorflow|keras|"
        r"jax)\S*' has no attribute|"
        r"partially initialized module|Descriptors cannot be created directly|GetPrototype|"
        r"'\w*(?:Config|Tokenizer\w*|Model|Processor|Pipeline)' object has no attribute|"
        r"argument of type 'bool' is not iterable|PydanticUserError|requires? \w+[<>=]=|but you have|"
        r"(?:offload_state_dict|cached_download|is_torch_fx_available|ANTIALIAS)",
        offers=(UPGRADE, SD_SCRIPTS),
    ),
    Rule(
        "package-missing",
        "a package is missing",
        "缺少软件包",
        "`env check` names it; `env create` (with --sd-scripts for that engine) mends it; what a setting asks for in "
        "addition (wandb, deepspeed, an optimizer) isn't installed by itself: take the setting out or install "
        "the package",
        "`env check` 会指出缺少的包；`env create`（sd-scripts 加 --sd-scripts）可修复；某些设置另需的包（wandb、"
        "deepspeed、"
        "某个优化器）不会自动安装：请取消该设置或自行安装",
        error=r"ModuleNotFoundError|No module named|がインストールされて|is not available$|PackageNotFoundError|"
        r"No package metadata|(?:is|are) not installed|but it was not found in your environment|"
        r"requires the \S+ library|"
        r"pip install|please install|No (?:dadaptation|Prodigy|prodigyopt|schedulefree|lion_pytorch|wandb|deepspeed|"
        r"\w+ ?/ )|Logging with `\w+` was requested|(?:isn't|is not) available in (?:your|this) environment|"
        r"need to install|未安装",
        line=r"^No (?:dadaptation|Prodigy|schedulefree|lion_pytorch|wandb) / |がインストールされていない|"
        r"^the Python package \S+ is missing",
        offers=(CREATE, SD_SCRIPTS),
        source="sd-scripts",
    ),
)
INSTALLING = (
    Rule(
        "script-not-signed",
        "PowerShell's policy forbids scripts",
        "PowerShell 执行策略禁止运行脚本",
        "in PowerShell: Set-ExecutionPolicy RemoteSigned -Scope CurrentUser; or start with python -m train_tools",
        "在 PowerShell 中执行 Set-ExecutionPolicy RemoteSigned -Scope CurrentUser；或直接用 python -m "
        "train_tools 启动",
        line=r"is not digitally signed|running scripts is disabled|未对文件.*进行数字签名|禁止运行脚本|"
        r"PSSecurityException|"
        r"UnauthorizedAccess$",
        error=r"PSSecurityException|is not digitally signed|running scripts is disabled",
        source="F2",
    ),
    Rule(
        "component-missing",
        "a part of the program was not fetched",
        "程序组件缺失（子模块未下载）",
        "update that program, or install it again; Train Tools itself has no such part",
        "更新或重新安装该程序；Train Tools 本身没有这个组件",
        error=r"frontend[/\\]dist|Submodule|sd-?scripts.*(?:is empty|not found)",
        line=r"Directory 'frontend[/\\]dist'|Submodule .* (?:not|failed)|No url found for submodule",
        source="F5",
    ),
    Rule(
        "download-damaged",
        "a downloaded package is damaged",
        "下载的安装包已损坏",
        "`python -m pip cache purge` (or `uv cache clean`), then `env create` again; try another mirror",
        "执行 `python -m pip cache purge`（或 `uv cache clean`），再次 `env create`；或更换镜像",
        error=r"DO NOT MATCH THE HASHES|Hash mismatch|HashMismatch|invalid wheel|has an invalid|Wheel .* is invalid|"
        r"BadZipFile.*whl",
        line=r"DO NOT MATCH THE HASHES|Hash mismatch for|Wheel '.*' .* is invalid|BadZipFile",
        offers=(CREATE,),
        source="F6",
    ),
    Rule(
        "git",
        "git isn't installed, or refuses the folder",
        "未安装 git，或 git 拒绝访问该文件夹",
        "install git (git-scm.com) and open a new terminal; for `dubious ownership` do what git proposes; Train "
        "Tools "
        "itself needs no git",
        "安装 git（git-scm.com）并重新打开终端；若提示 dubious ownership，按 git 给出的命令处理；Train Tools "
        "本身不需要 git",
        error=r"(?:No such file or directory|cannot find the file specified|系统找不到指定的文件)[^\n]*'git|"
        r"Bad git executable|"
        r"GitCommandNotFound|dubious ownership|not a git repository|index\.lock|GitCommandError|"
        r"No such file or directory: 'git'|\[WinError 2\][^\n]*git|Couldn't (?:fetch|clone|checkout|determine)",
        line=r"['\"]?git['\"]? (?:is not recognized|不是内部或外部命令)|git: (?:command )?not found|"
        r"dubious ownership|"
        r"not a git repository|index\.lock|would be overwritten by (?:merge|checkout)|Bad git executable|"
        r"无法将.?git.?项识别",
    ),
    Rule(
        "command-missing",
        "a program that is to be started isn't installed or isn't in PATH",
        "要启动的程序未安装或不在 PATH 中",
        "start it inside its environment; Train Tools starts all by itself: `python -m train_tools`",
        "在对应的虚拟环境中启动；Train Tools 会自行启动所需程序：`python -m train_tools`",
        line=r"^(?:The term )?['\"]?[\w.-]+['\"]? (?:is not recognized as|不是内部或外部命令)|"
        r"^[\w./-]+: (?:command not found|未找到命令)|"
        r": line \d+: [\w./-]+: (?:command not found|No such file)|无法将“[^”]+”项识别",
        error=r"CommandNotFoundException",
    ),
    Rule(
        "accelerate-config",
        "accelerate's own settings file doesn't fit its version",
        "accelerate 的配置文件与其版本不符",
        "delete ~/.cache/huggingface/accelerate/default_config.yaml; Train Tools needs none",
        "删除 ~/.cache/huggingface/accelerate/default_config.yaml；Train Tools 不需要它",
        error=r"default_config\.yaml|config file at .* had unknown keys|accelerate config",
        line=r"had unknown keys .*accelerate|default_config\.yaml.*(?:invalid|unknown)",
    ),
    Rule(
        "install-failed",
        "a step of the installation failed: the package or its version isn't on the index that was asked",
        "安装步骤失败：所用的索引中没有该软件包或该版本",
        "call `env create` again, it goes on where it stopped; or without uv: `env settings --set "
        "installer=pip`; or take "
        "another mirror (`--set package_index=off`)",
        "再次执行 `env create`，会从中断处继续；或不使用 uv：`env settings --set installer=pip`；或更换镜像"
        "（`--set package_index=off`）",
        error=r"Failed building wheel|No matching distribution|Could not find a version|No solution found|"
        r"ResolutionImpossible|"
        r"metadata-generation-failed|subprocess-exited-with-error|Couldn't install|Failed to build|"
        r"installation of|InstallationError|failed; check network, proxy",
        line=r"^(?:ERROR: ?)?(?:Failed building wheel|Could not install packages|No matching distribution found|"
        r"Could not find a version that satisfies|Failed to build|ResolutionImpossible|Cannot install )|"
        r"No solution found when resolving|error: (?:Failed to (?:fetch|download|build)|metadata-generation-failed|"
        r"subprocess-exited-with-error|externally-managed)|failed; check network, proxy|"
        r"Could not build wheels for|× (?:No solution|Failed to)|Couldn't install \w+",
        offers=(CREATE, program("installer=pip")),
        source="F20",
    ),
)
