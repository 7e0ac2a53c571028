"""Memory of the GPU and of the machine, processes that fell or were ended; see `rule`."""

from __future__ import annotations

from dataclasses import replace

from train_tools.doctor.known.rule import AGAIN, UPGRADE, Rule, training

LOADER_PROCESS = Rule(
    "loader-process-gone",
    "a process that loads images fell or couldn't be started, mostly for want of memory",
    "数据加载进程被终止或无法启动，多因内存不足",
    "set max_data_loader_n_workers=0 and persistent_data_loader_workers=false",
    "设置 max_data_loader_n_workers=0、persistent_data_loader_workers=false",
    error=r"DataLoader worker \(pid.*\) (?:is killed by signal|exited unexpectedly)|"
    r"before the\s+current process has finished its bootstrapping phase|Can't pickle|cannot pickle|"
    r"Can't get attribute '\w+' on <module '__mp_main__'",
    offers=(
        training("max_data_loader_n_workers=0"),
        training("persistent_data_loader_workers=false"),
        AGAIN,
    ),
)
MEMORY = (
    Rule(
        "mps-memory",
        "the memory that macOS gives to the GPU is too small for these settings",
        "macOS 分配给 GPU（MPS）的内存不足",
        "lower train_batch_size, resolution or network_dim, set gradient_checkpointing=true, and close other "
        "programs",
        "降低 train_batch_size、resolution 或 network_dim，开启 gradient_checkpointing，并关闭其他程序",
        error=r"MPS backend out of memory|MPSNDArray.*(?:total bytes|exceed)",
        offers=(training("gradient_checkpointing=true"), training("train_batch_size=1"), AGAIN),
    ),
    Rule(
        "intel-gpu",
        "the Intel GPU or its driver failed, mostly for want of memory",
        "Intel 显卡或其驱动出错，多因显存不足",
        "lower train_batch_size or resolution, set gradient_checkpointing=true, update the GPU's driver; torch "
        "must be "
        "the build xpu (`env settings --set torch=xpu`, then `env upgrade`)",
        "降低 train_batch_size 或 resolution，开启 gradient_checkpointing，更新显卡驱动；torch 需为 xpu 版"
        "（`env settings --set torch=xpu` 后执行 `env upgrade`）",
        error=r"Native API (?:failed|returns)|UR_RESULT_ERROR|PI_ERROR_|XPU out of memory|not compiled with XPU|"
        r"XPU device|level_zero|ZE_RESULT",
        offers=(training("gradient_checkpointing=true"), UPGRADE, AGAIN),
    ),
    Rule(
        "out-of-gpu-memory",
        "the GPU's memory is too small for these settings",
        "显存不足",
        "lower train_batch_size, resolution or network_dim, or set gradient_checkpointing=true, "
        "cache_latents=true or "
        "an 8-bit optimizer; close other programs on the GPU; below 6 GB use SD 1.5 at 512",
        "降低 train_batch_size、resolution 或 network_dim，或开启 gradient_checkpointing、cache_latents、8bit "
        "优化器；"
        "关闭其他占用显存的程序；6 GB 以下请训练 512 分辨率的 SD1.5",
        error=r"(?:CUDA|HIP|GPU).{0,40}\bout of memory|^torch\.(?:cuda\.)?OutOfMemoryError|"
        r"CUBLAS_STATUS_ALLOC_FAILED|"
        r"CUDNN_STATUS_ALLOC_FAILED|CUDA_ERROR_OUT_OF_MEMORY|Allocation on device|cuda runtime error \(2\)|"
        r"not enough GPU video memory|hipErrorOutOfMemory|NVML_SUCCESS == r|needs more GPU memory",
        line=r"(?:CUDA|HIP) (?:error: )?out of memory|torch\.(?:cuda\.)?OutOfMemoryError|"
        r"the GPU's memory (?:is|was) too small|CUBLAS_STATUS_ALLOC_FAILED",
        offers=(training("gradient_checkpointing=true"), training("train_batch_size=1"), AGAIN),
        source="F10",
    ),
    Rule(
        "shared-memory",
        "the shared memory between processes is too small, as in containers",
        "进程间共享内存（/dev/shm）不足，常见于容器",
        "set max_data_loader_n_workers=0, or give the container more (`--shm-size=8g`)",
        "设置 max_data_loader_n_workers=0，或为容器分配更多共享内存（`--shm-size=8g`）",
        error=r"shared memory|unable to (?:open|write to|mmap|resize) .*(?:shm|torch_)|received 0 items of ancdata|"
        r"signal: Bus error",
        line=r"insufficient shared memory",
        offers=(
            training("max_data_loader_n_workers=0"),
            training("persistent_data_loader_workers=false"),
            AGAIN,
        ),
    ),
    LOADER_PROCESS,
    replace(
        LOADER_PROCESS,
        error=r"EOFError: Ran out of input|BrokenPipeError|EOFError$|ConnectionResetError",
        frames=r"multiprocessing",
    ),
    Rule(
        "out-of-memory",
        "the machine's memory is too small",
        "内存不足",
        "make the system's virtual memory (page file, swap) larger, close other programs, or set "
        "max_data_loader_n_workers=0",
        "增大虚拟内存（页面文件/swap），关闭其他程序，或设置 max_data_loader_n_workers=0",
        error=r"DefaultCPUAllocator|^(?:\w+\.)*_?(?:Array)?MemoryError\b|\[Errno 12\]|Cannot allocate memory|"
        r"\[WinError (?:8|14|1450|1455)\]|paging file is too small|页面文件太小|bad[_ ]alloc|not enough memory|"
        r"Unable to allocate .*for an array|Pin memory thread exited|out of memory$|machine is out of memory|"
        r"signal SIGKILL|SIGKILL: 9|terminated with signal (?:SIGKILL|9)",
        line=r"^(?:\S+: line \d+:\s+\d+ )?Killed\b|^zsh: killed|oom-kill|Out of memory: Kill|Signals\.SIGKILL|"
        r"\(SIGKILL\)|exit ?code\s*:? ?(?:-9|137)\b|(?:exit status|code|exitcode) (?:-9|137|3221225495)\b|"
        r"MemoryError$|not enough memory|bad[_ ]alloc|machine is out of memory|exitcode: -9",
        offers=(training("max_data_loader_n_workers=0"), AGAIN),
        source="F11",
    ),
)
ENDED = (
    Rule(
        "illegal-instruction",
        "a package uses instructions that this machine's processor hasn't",
        "某个包使用了本机 CPU 不支持的指令集",
        "`env upgrade` takes the usual builds; packages built for newer processors (AVX2, AVX-512) don't run here",
        "执行 `env upgrade` 换回常用版本；为更新的 CPU（AVX2、AVX-512）编译的包无法在本机运行",
        error=r"signal (?:SIGILL|4)\b|SIGILL: 4",
        line=r"\bIllegal instruction\b|Signals\.SIGILL|\(SIGILL\)|(?:exit status|code|exitcode|"
        r"exit ?code\s*:) ?(?:-4|132|3221225501)\b",
        offers=(UPGRADE,),
    ),
    Rule(
        "dll-missing-at-start",
        "a program couldn't be started, as a library of Windows is missing or fails",
        "程序无法启动：缺少 Windows 运行库或运行库初始化失败",
        "install Microsoft's vc_redist.x64, restart Windows, then `env check`",
        "安装微软 vc_redist.x64 运行库，重启 Windows 后执行 `env check`",
        line=r"(?:exit status|code|exitcode|exit ?code\s*:) ?(?:3221225781|3221225794|3221225785)\b",
    ),
    Rule(
        "crash",
        "the process fell inside a library (access violation): mostly a package that doesn't fit torch or the "
        "driver, "
        "unstable memory or overclocking",
        "进程在某个库中崩溃（访问冲突）：多为与 torch 或驱动不匹配的包、内存不稳定或超频",
        "start it once more; if it falls again, take xformers out (sdpa=true), update the GPU's driver, take back "
        "overclocking, and make the environment anew with `env upgrade`",
        "再运行一次；若仍崩溃，请停用 xformers（改用 sdpa=true）、更新显卡驱动、取消超频，并用 `env upgrade` "
        "重建环境",
        error=r"access violation|Segmentation fault|signal (?:SIGSEGV|SIGABRT|SIGBUS|SIGFPE|11|6)\b|"
        r"(?:SIGSEGV|SIGABRT|SIGBUS): \d+|stack smashing|heap corruption",
        line=r"access violation|^Segmentation fault|^Fatal Python error|^(?:Aborted|Bus error)\b|core dumped|"
        r"(?:\(|Signals\.)SIG(?:SEGV|ABRT|BUS|FPE)\b|"
        r"(?:exit status|code|exitcode|exit ?code\s*:) ?"
        r"(?:-11|139|-6|134|-7|135|-8|136|3221225477|3221226505|3221226356|3221225725|-1073741819|-1073740791|"
        r"-1073740940|-1073741571)\b|0xC0000005|0xC0000409|0xC0000374",
        offers=(training("sdpa=true"), UPGRADE, AGAIN),
    ),
    Rule(
        "stopped",
        "it was stopped from outside: by Ctrl+C, a closed window, or the system",
        "程序被外部终止：按下 Ctrl+C、关闭窗口或被系统终止",
        "start it again with `queue retry`: it goes on from its last saved state",
        "用 `queue retry` 重新开始，会从最近保存的状态继续",
        error=r"^KeyboardInterrupt|signal (?:SIGTERM|SIGINT|SIGHUP|15|2)\b",
        line=r"\((?:SIGTERM|SIGINT|SIGHUP)\)|Signals\.SIG(?:TERM|INT|HUP)|"
        r"(?:exit status|code|exitcode|exit ?code\s*:) ?(?:-15|143|-2|130|-1|129|3221225786)\b|^\^C",
        offers=(AGAIN,),
    ),
)
