"""GPUs, their drivers and what is compiled for them; see `rule`."""

from __future__ import annotations

from train_tools.doctor.known.rule import AGAIN, UPGRADE, Rule, program, training

GPU = (
    Rule(
        "bitsandbytes",
        "bitsandbytes, which the 8-bit optimizers need, isn't there or doesn't fit this GPU and torch",
        "8bit 优化器所需的 bitsandbytes 未安装，或与当前显卡、torch 不匹配",
        "choose an optimizer_type without 8bit, as AdamW; or make the environment anew with `env upgrade` "
        "(sd-scripts: `env create --sd-scripts`)",
        "改用名称中不带 8bit 的 optimizer_type，例如 AdamW；或用 `env upgrade` 重建环境"
        "（sd-scripts：`env create --sd-scripts`）",
        error=r"bitsandbytes|str2optimizer\w*|argument of type 'WindowsPath' is not iterable|"
        r"has no attribute 'c(?:get_managed_ptr|adam|lion|quantize|dequantize|prefetch|gemm|get_col)\w*'|"
        r"undefined symbol: c(?:adam|lion|quantize|get_col)\w*|No module named 'triton\.ops'|\\?csrc.ops\.cu|"
        r"bnb\.|8-bit optimizer",
        line=r"ops\.cu\b|^No bitsandbytes|CUDA Setup failed|"
        r"bitsandbytes (?:is not installed|was compiled without)",
        offers=(training("optimizer_type=AdamW"), UPGRADE, AGAIN),
    ),
    Rule(
        "amd-gpu",
        "the AMD GPU, ROCm or a build for it failed",
        "AMD 显卡（ROCm）出错，或 torch 版本不支持该显卡",
        "torch must be a build for ROCm that knows this GPU (`env settings --set torch=rocm6.4`, then `env "
        "upgrade`); "
        "for a GPU near to a known one set HSA_OVERRIDE_GFX_VERSION (10.3.0 or 11.0.0)",
        "需使用支持该显卡的 ROCm 版 torch（`env settings --set torch=rocm6.4` 后执行 `env upgrade`）；"
        "相近型号可设置环境变量 HSA_OVERRIDE_GFX_VERSION（10.3.0 或 11.0.0）",
        error=r"HIP error|hipError|rocBLAS|MIOpen|HSA_STATUS|hipBLAS|ROCm|No HIP GPUs|ZLUDA",
        line=r"rocBLAS error|hipErrorNoBinaryForGpu|HSA_STATUS_ERROR",
        offers=(program("torch=rocm6.4"), UPGRADE),
    ),
    Rule(
        "mps-unsupported",
        "the GPU of this Mac can't do a step of this training",
        "Mac 的 GPU（MPS）不支持其中某个运算",
        "set mixed_precision=no, or start with the variable PYTORCH_ENABLE_MPS_FALLBACK=1, which does such steps on "
        "the CPU",
        "设置 mixed_precision=no，或设置环境变量 PYTORCH_ENABLE_MPS_FALLBACK=1，让这些运算在 CPU 上进行",
        error=r"\bMPS\b(?!\'\))(?!.*fp16 mixed)",
        offers=(training("mixed_precision=no"), AGAIN),
    ),
    Rule(
        "gpu-too-old-for-torch",
        "this build of torch holds no code for this GPU: the GPU is too old or too new for it",
        "该 torch 版本不支持此显卡的架构（显卡过旧或过新）",
        "`env settings --set torch=cu126` for GPUs before the RTX 20 series, torch=cuda for newer ones, then "
        "`env upgrade`",
        "RTX 20 系列之前的显卡：`env settings --set torch=cu126`；较新的显卡：torch=cuda，然后执行 `env upgrade`",
        error=r"no kernel image is available|not compatible with the current PyTorch|device kernel image is invalid|"
        r"named symbol not found|has no code for this GPU|sm_\d+.*not (?:supported|defined)",
        line=r"^(?:RuntimeError: )?CUDA error: no kernel image|has no code for this GPU",
        offers=(program("torch=cuda"), program("torch=cu126"), UPGRADE),
    ),
    Rule(
        "driver-restart",
        "the GPU's driver was updated while the system ran",
        "显卡驱动已更新，但系统尚未重启",
        "restart the computer",
        "重启电脑",
        error=r"Driver/library version mismatch",
        line=r"Driver/library version mismatch",
    ),
    Rule(
        "gpu-ids",
        "a GPU is asked for by a number that this machine hasn't",
        "指定的显卡编号不存在",
        "set the numbers that nvidia-smi shows: `env settings --set gpus=auto`, and take CUDA_VISIBLE_DEVICES out",
        "按 nvidia-smi 显示的编号设置：`env settings --set gpus=auto`，并取消环境变量 CUDA_VISIBLE_DEVICES",
        error=r"invalid device ordinal|device_count\(\) is \d|Invalid device id|"
        r"device (?:index|id) .*(?:out of range|must be)|device < num_gpus|GPU .* isn't there",
        offers=(program("gpus=auto"), AGAIN),
    ),
    Rule(
        "torch-no-gpu",
        "torch can't use the GPU: the driver's CUDA is older than torch's, or torch is a CPU build",
        "torch 无法使用显卡：驱动支持的 CUDA 低于 torch 的版本，或安装了 CPU 版 torch",
        "update the GPU's driver (compare nvidia-smi's CUDA Version with `doctor`), or choose an older build: "
        "`env settings --set torch=cu126`, then `env upgrade`",
        "更新显卡驱动（用 nvidia-smi 的 CUDA Version 与 `doctor` 对比），或改用较旧版本：`env settings --set "
        "torch=cu126` 后执行 `env upgrade`",
        error=r"Torch (?:is not able to|cannot) use (?:the )?GPU|not compiled with CUDA enabled|"
        r"Found no NVIDIA driver|"
        r"NVIDIA driver on your system is too old|driver version is insufficient|Torch 无法使用 ?GPU|"
        r"does not support the current version of Torch|CUDA driver initialization failed|"
        r"No CUDA GPUs are available|no CUDA-capable device|torch\.cuda\.is_available\(\) (?:is|returned) False|"
        r"forward compatibility was attempted|CUDA unknown error|unsupported toolchain|system not yet initialized|"
        r"libcuda\.so|nvcuda\.dll|CUDA is not available|No GPU found|requires? (?:a )?CUDA(?: GPU)?\b|"
        r"cudaGetDeviceCount",
        line=r"Torch (?:is not able to|cannot) use (?:the )?GPU|Torch 无法使用 ?GPU",
        offers=(program("torch=cu126"), UPGRADE),
        source="F3",
    ),
    Rule(
        "gpu-cudnn",
        "cuDNN, NVIDIA's library for convolutions, failed: mostly for want of GPU memory, or with another version's "
        "files",
        "NVIDIA 的 cuDNN 出错：多因显存不足，或加载了其他版本的文件",
        "lower train_batch_size or resolution and close other programs on the GPU; if it stays, update the "
        "driver and "
        "make the environment anew with `env upgrade`, and take other CUDA folders out of PATH and LD_LIBRARY_PATH",
        "降低 train_batch_size 或 resolution，关闭其他占用显存的程序；仍出错则更新驱动并用 `env upgrade` 重建环境，"
        "同时从 PATH、LD_LIBRARY_PATH 中移除其他 CUDA 目录",
        error=r"cuDNN error|CUDNN_STATUS_|libcudnn|cudnn\w*\.dll|valid cuDNN algorithm|unable to find an engine|"
        r"cuDNN version",
        line=r"Could not (?:load library|locate) \S*cudnn|CUDNN_STATUS_",
        offers=(training("train_batch_size=1"), UPGRADE, AGAIN),
    ),
    Rule(
        "gpu-cublas",
        "cuBLAS, NVIDIA's library for matrices, failed: mostly for want of GPU memory, an old driver, or "
        "overclocking",
        "NVIDIA 的 cuBLAS 出错：多因显存不足、驱动过旧或超频",
        "lower train_batch_size or resolution, close other programs on the GPU, update its driver; if it stays, "
        "`env upgrade`",
        "降低 train_batch_size 或 resolution，关闭其他占用显存的程序，更新显卡驱动；仍出错则执行 `env upgrade`",
        error=r"CUBLAS_STATUS_|cublasLt|cublas\w*\.dll|libcublas|CUSOLVER_STATUS|CUSPARSE_STATUS|CUFFT_",
        line=r"CUBLAS_STATUS_",
        offers=(training("train_batch_size=1"), UPGRADE, AGAIN),
    ),
    Rule(
        "gpu-lost",
        "the GPU, its driver or a computation on it failed",
        "显卡、驱动或显卡上的运算发生故障",
        "start the run again; if it happens often take back overclocking, update the driver, check heat and power; "
        "with several programs on the GPU, close the others",
        "重新开始训练；若经常发生，请取消超频、更新驱动，检查散热与供电；关闭同时使用该显卡的其他程序",
        error=r"unspecified launch failure|illegal memory access|device-side assert|GPU is lost|fallen off the bus|"
        r"busy or unavailable|launch timed out|misaligned address|illegal instruction was encountered|"
        r"uncorrectable ECC|hardware stack error|invalid program counter|device handle for GPU|driver shutting down|"
        r"CUDA error: (?:unknown error|initialization error|mapping|invalid argument|invalid resource handle|"
        r"launch failure|an? )|CUDA driver error|AcceleratorError: CUDA error",
        line=r"GPU is lost|has fallen off the bus|CUDA error: (?:unspecified launch|an illegal|device-side)|"
        r"Xid \(PCI",
        offers=(AGAIN,),
    ),
    Rule(
        "torch-compile",
        "torch.compile needs triton and a C compiler, and one of them is missing or fails",
        "torch.compile 需要 triton 和 C 编译器，其中之一缺失或出错",
        "set torch_compile=false; a LoRA is trained without it as well",
        "设置 torch_compile=false；不编译同样可以训练",
        error=r"TritonMissing|working triton installation|Compiler: \S+ is not found|BackendCompilerFailed|"
        r"InductorError|"
        r"torch\._dynamo|torch\._inductor|Failed to find C compiler|\bcl(?:\.exe)? is not found|triton.*compil|"
        r"Python\.h: No such file",
        line=r"Compiler: cl is not found|Failed to find C compiler",
        offers=(training("torch_compile=false"), AGAIN),
    ),
    Rule(
        "compiler-missing",
        "a package is to be compiled here, and the compiler or CUDA's toolkit is missing",
        "需要在本机编译软件包，但缺少编译器或 CUDA 工具包",
        "take a version that comes compiled, or do without it; Train Tools itself compiles nothing: `env create`",
        "改用已编译好的版本，或不使用该包；Train Tools 本身无需编译：`env create`",
        error=r"Visual C\+\+ 14|CUDA_HOME|nvcc|Ninja is required|command '\S*(?:gcc|g\+\+|cl|cl\.exe|clang)'? failed|"
        r"cl\.exe",
        line=r"Microsoft Visual C\+\+ 14.*required|CUDA_HOME environment variable is not set|nvcc.*(?:not found|"
        r"No such)|"
        r"command '\S*(?:gcc|g\+\+|cl\.exe)'? failed|(?:gcc|g\+\+|make|cmake): (?:command )?not found|"
        r"ninja: build stopped",
    ),
    Rule(
        "attention",
        "the chosen kind of attention can't be computed here",
        "所选的注意力实现在此无法运行",
        "set sdpa=true, and take xformers, mem_eff_attn and attn_mode out",
        "设置 sdpa=true，并取消 xformers、mem_eff_attn 与 attn_mode",
        error=r"No available kernel\. Aborting|FlashAttention only supports|flash_attn.*(?:not installed|"
        r"unavailable)|"
        r"sageattn|No module named '(?:flash_attn|sageattention)|Expected attn_mask dtype|Invalid backend",
        offers=(training("sdpa=true"), training("xformers=false"), AGAIN),
    ),
)
PRECISION = (
    Rule(
        "fp8-unsupported",
        "this GPU or torch can't do fp8",
        "显卡或 torch 不支持 fp8",
        "set fp8_base=false and use mixed_precision=bf16 or fp16",
        "设置 fp8_base=false，并使用 mixed_precision=bf16 或 fp16",
        error=r"not implemented for 'Float8|_scaled_mm|fp8 .*(?:not supported|requires)|"
        r"float8\w* .*(?:not supported|requires)",
        offers=(training("fp8_base=false"), AGAIN),
    ),
    Rule(
        "fp16-unsupported",
        "fp16 can't be computed on this device: it is no GPU, or one without fp16",
        "该设备不支持 fp16（没有可用的显卡，或显卡不支持）",
        "set mixed_precision=no to train without a GPU; if there is one, `doctor` says why torch doesn't use it",
        "无显卡时设置 mixed_precision=no；若有显卡，`doctor` 会说明 torch 为何没有使用它",
        error=r"fp16 mixed precision requires|not implemented for 'Half'|Half.*(?:not supported|"
        r"not implemented).*CPU|"
        r"slow_conv2d_cpu|FP16.*not supported",
        offers=(training("mixed_precision=no"), AGAIN),
    ),
    Rule(
        "bf16-unsupported",
        "this GPU can't do bf16",
        "显卡不支持 bf16",
        "set mixed_precision=fp16 (bf16 begins with the RTX 30 series)",
        "设置 mixed_precision=fp16（RTX 30 系列起支持 bf16）",
        error=r"bf16 mixed precision requires|does(?:n't| not) support b(?:float|f)16|not implemented for 'BFloat16'|"
        r"bf16/gpu is not supported|BFloat16 is not supported|B(?:Float|F)16.*unsupported",
        offers=(training("mixed_precision=fp16"), training("save_precision=fp16"), AGAIN),
    ),
    Rule(
        "half-precision",
        "parts of the training are in different precisions",
        "训练中混用了不同精度",
        "set full_fp16=false with mixed_precision=fp16, or use bf16; for the VAE no_half_vae=true",
        "mixed_precision=fp16 时设置 full_fp16=false，或使用 bf16；VAE 使用 no_half_vae=true",
        error=r"Attempting to unscale FP16|expected scalar type \w+ but found|Input type \(.*\) and (?:bias|"
        r"weight) type|"
        r"No inf checks were recorded|must have the same dtype|to have the same dtype|should be the same dtype|"
        r"cannot be converted to type (?:at|c10)::|source and destination dtypes match|dtype Float but expected Half|"
        r"Found dtype \w+ but expected",
        offers=(training("full_fp16=false"), training("no_half_vae=true"), AGAIN),
    ),
    Rule(
        "devices-differ",
        "parts of the training lie on different devices",
        "训练的各部分位于不同设备（CPU 与 GPU）",
        "take lowram, blocks_to_swap and offloading out, or turn off caching of what is then missing; with "
        "several GPUs "
        "train on one",
        "取消 lowram、blocks_to_swap 及卸载（offload）选项；多显卡时只用一块训练",
        error=r"all tensors to be on the same device|found at least two devices|"
        r"Input type \((?:torch\.)?(?:cuda\.)?\w*Tensor\) and weight type|device mismatch",
        offers=(training("lowram=false"), AGAIN),
    ),
)
DISTRIBUTED = (
    Rule(
        "libuv",
        "torch for Windows was built without libuv, which its launcher of several processes asks for",
        "Windows 版 torch 不含 libuv，而多进程启动器需要它",
        "set the variable USE_LIBUV=0 and start again, or train on one GPU: `env settings --set gpus_per_run=1`",
        "设置环境变量 USE_LIBUV=0 后重试，或只用一块显卡：`env settings --set gpus_per_run=1`",
        error=r"libuv",
        line=r"libuv",
        offers=(program("gpus_per_run=1"), AGAIN),
    ),
    Rule(
        "several-gpus",
        "the processes of several GPUs can't work together",
        "多显卡进程之间无法通信",
        "train each run on one GPU: `env settings --set gpus_per_run=1`; Windows has no NCCL",
        "每个任务只用一块显卡：`env settings --set gpus_per_run=1`；Windows 不支持 NCCL",
        error=r"NCCL|nccl\w+Error|Dist(?:Network|Store|Backend)?Error|TCPStore|ProcessGroup|Duplicate GPU|"
        r"gloo|Rendezvous|collective operation timeout|Expected to have finished reduction|"
        r"process group has not been initialized|makeDeviceForHostname",
        offers=(program("gpus_per_run=1"), AGAIN),
    ),
)
