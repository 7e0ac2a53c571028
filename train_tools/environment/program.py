"""Settings of the program on this machine, not of a version: mirrors, proxy, offline mode, what is installed, GPUs.

They stand in `<root>/train_tools/program.toml`. Where a setting is `auto` and a person has set the usual variable
or pip's own setting, that stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from train_tools.errors import UsageError
from train_tools.workspace import files, toml
from train_tools.workspace.fields import build, setting, validate

FILE = "program.toml"
ROOT_VARIABLE = "TRAIN_TOOLS_ROOT"
# Secrets, by the variable that the programs read which we start.
TOKENS = {
    "hugging_face_token": "HF_TOKEN",
    "civitai_token": "CIVITAI_API_TOKEN",
    "wandb_key": "WANDB_API_KEY",
}
HIDDEN = "***"
AUTO, OFF, SYSTEM = "auto", "off", "system"
GPU = re.compile(r"\d{1,3}|(?:GPU|MIG)-[\w/-]+")  # a number or a UUID
KEY = re.compile(r"((?:^|&)[\w-]*(?:token|key|secret|signature|password)=)[^&]*", re.IGNORECASE)
PLAIN_LINE = re.compile(r"([a-z_]+)\s*=\s*(.+)")


@dataclass(frozen=True)
class ProgramSettings:
    package_index: str = setting(
        AUTO,
        help="The mirror of the Python package index. auto takes a mirror where the index itself doesn't "
        "answer, off takes none; or give the address of one.",
        zh="Python 软件包索引的镜像。auto 在官方索引无响应时使用镜像，off 不使用镜像，也可填写镜像地址。",
    )
    hugging_face: str = setting(
        AUTO,
        help="The mirror of Hugging Face, from which models come: auto, off, or the address of one.",
        zh="下载模型所用的 Hugging Face 镜像：auto、off，或镜像地址。",
    )
    github: str = setting(
        AUTO,
        help="The mirror of GitHub, from which sd-scripts comes: auto, off, or an address that GitHub's is "
        "put behind.",
        zh="获取 sd-scripts 所用的 GitHub 镜像：auto、off，或加在 GitHub 地址之前的镜像地址。",
    )
    hugging_face_token: str = setting(
        "",
        help="An access token of Hugging Face, for models whose licence was accepted there; empty takes HF_TOKEN, "
        "or the login of Hugging Face's own tools.",
        zh="Hugging Face 访问令牌，用于下载需先接受许可的模型；留空则用 HF_TOKEN 或 Hugging Face 工具的登录信息。",
    )
    civitai_token: str = setting(
        "",
        help="An API key of Civitai, for models that want a login; empty takes CIVITAI_API_TOKEN.",
        zh="Civitai 的 API key，用于下载需要登录的模型；留空则用 CIVITAI_API_TOKEN。",
    )
    wandb_key: str = setting(
        "",
        help="An API key of Weights & Biases, for log_with=wandb; empty takes WANDB_API_KEY, or the login of wandb.",
        zh="Weights & Biases 的 API key，用于 log_with=wandb；留空则用 WANDB_API_KEY 或 wandb 的登录信息。",
    )
    proxy: str = setting(
        SYSTEM,
        help="system takes the system's proxy, off uses none; or give the address of one, as "
        "http://127.0.0.1:7890.",
        zh="system 使用系统代理，off 不使用代理，也可填写代理地址，例如 http://127.0.0.1:7890。",
    )
    offline: bool = setting(
        False,
        help="Uses the network for nothing. What isn't on the disk is told and not fetched.",
        zh="完全不访问网络。磁盘上没有的内容只提示，不下载。",
    )
    installer: str = setting(
        AUTO,
        choices=(AUTO, "pip"),
        help="auto uses uv where it is installed, and pip where uv fails; pip never uses uv.",
        zh="auto 在装有 uv 时使用 uv，失败后改用 pip；pip 从不使用 uv。",
    )
    torch: str = setting(
        AUTO,
        help="The build of torch. auto fits it to the GPU's driver; cpu, cuda, cu126, cu130, rocm6.4, xpu "
        "and others choose one.",
        zh="torch 的版本。auto 按显卡驱动选择，也可填写 cpu、cuda、cu126、cu130、rocm6.4、xpu 等。",
    )
    start_arguments: str = setting(
        "",
        help="What a double click on start adds to the command page, as --port 7871.",
        zh="双击 start 时附加给 page 命令的参数，例如 --port 7871。",
    )
    gpus: str = setting(
        AUTO,
        help="The GPUs that train, by the numbers that nvidia-smi shows, as 0,1. Each trains runs of its own "
        "at the same time; auto takes one, as torch chooses.",
        zh="用于训练的 GPU，按 nvidia-smi 显示的编号填写，例如 0,1。"
        "各 GPU 同时进行各自的训练；auto 只用一块，由 torch 选择。",
    )
    gpus_per_run: int = setting(
        1,
        minimum=1,
        maximum=64,
        help="So many of these GPUs train one run together, with sd-scripts; the packed engine uses the "
        "first of them. Each takes a batch of its own, so that a step sees more images and an epoch has "
        "fewer steps.",
        zh="多少块 GPU 共同进行一个训练（仅 sd-scripts；packed 引擎只用其中第一块）。"
        "每块各取一个批次，因此每步看到更多图片，每轮步数更少。",
    )
    channels_last: bool = setting(
        False,
        help="The packed engine keeps what its convolutions compute with the channels last in memory: quicker on some "
        "GPUs, slower on others; the result is the same.",
        zh="packed 引擎以 channels last 内存格式计算卷积：在部分显卡上更快，在另一些上更慢；结果相同。",
    )

    def __post_init__(self) -> None:
        validate(self)
        _check_gpus(self.gpus, self.gpus_per_run)
        for name in ("package_index", "hugging_face", "github"):
            _check_address(name, getattr(self, name), AUTO, ("http", "https"))
        for name in TOKENS:
            if not re.fullmatch(r"[\w.~+/=-]*", getattr(self, name)):
                raise UsageError(f"setting {name} holds signs that no token has; copy it once more")
        _check_address("proxy", self.proxy, SYSTEM, ("http", "https", "socks5", "socks5h"))
        if not re.fullmatch(r"auto|cpu|cuda|xpu|cu\d{2,3}|rocm[\d.]+", self.torch):
            raise UsageError(
                f"setting torch is {self.torch!r}; allowed: auto, cpu, cuda, cu126, cu130, rocm6.4, xpu"
            )


def shown(settings: ProgramSettings) -> dict[str, Any]:
    """By name, as it may be seen: without tokens and the passwords in addresses."""
    found = {
        name: without_secret(value) if isinstance(value, str) else value
        for name, value in asdict(settings).items()
    }
    return {**found, **{name: HIDDEN for name in TOKENS if found[name]}}


def gpu_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _check_gpus(gpus: str, per_run: int) -> None:
    if gpus == AUTO:
        return
    names = gpu_names(gpus)
    if len(set(names)) < len(names) or not all(GPU.fullmatch(name) for name in names):
        raise UsageError(
            f"setting gpus is {gpus!r}; allowed: {AUTO}, or numbers as nvidia-smi shows them, each once, as 0,1"
        )
    if len(names) % per_run:
        raise UsageError(
            f"{len(names)} GPUs can't be shared out {per_run} to a run; change gpus or gpus_per_run first"
        )


def _check_address(name: str, value: str, otherwise: str, schemes: tuple[str, ...]) -> None:
    if value in (otherwise, OFF):
        return
    try:
        parts = urlsplit(value)
        valid = (
            parts.scheme in schemes
            and bool(parts.hostname)
            and parts.port != 0
            and not re.search(r"\s", value)
        )
    except ValueError:  # a port that is none
        valid = False
    if not valid:
        raise UsageError(
            f"setting {name} is {without_secret(value)!r}; allowed: {otherwise}, {OFF}, "
            f"or an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        )


def default_root(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get(ROOT_VARIABLE) or "outputs")


def settings_file(root: Path) -> Path:
    return root / "train_tools" / FILE


def read(root: Path) -> ProgramSettings:
    """The defaults where there is no file; what a newer program wrote there is left out.

    Raises UsageError naming the file where it can't be read or holds a wrong value.
    """
    path = settings_file(root)
    try:
        data = _load(path)
    except FileNotFoundError:
        return ProgramSettings()
    except OSError as error:
        raise UsageError(
            f"{path} can't be read ({error.strerror}); allow reading it, or move it away"
        ) from error
    known = {field.name for field in fields(ProgramSettings)}
    try:
        return build(ProgramSettings, {name: value for name, value in data.items() if name in known})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def change(
    root: Path,
    assignments: Mapping[str, str],
    check: Callable[[ProgramSettings], None] = lambda _settings: None,
) -> ProgramSettings:
    """The settings with `assignments` over them: checked first, by `check` too, then saved.

    `default` takes one back.
    """
    saved = asdict(read(root))
    defaults = asdict(ProgramSettings())
    wanted = {n: defaults[n] if v == "default" and n in defaults else v for n, v in assignments.items()}
    result = build(ProgramSettings, {**saved, **wanted})
    check(result)
    told = {name: value for name, value in asdict(result).items() if value != defaults[name]}
    path = settings_file(root)
    try:
        unknown = {n: v for n, v in _load(path).items() if n not in defaults}
    except FileNotFoundError:
        unknown = {}
    files.write_text(path, toml.dumps({**unknown, **told}))
    if shown(result) != asdict(result):
        with contextlib.suppress(OSError):  # a drive that knows no rights
            path.chmod(0o600)
    return result


def _load(path: Path) -> dict[str, Any]:
    """A bare Python 3.10 may have no TOML reader: then the plain lines that `change` writes are read."""
    try:
        return toml.load(path)
    except UsageError:
        if toml.has_reader():
            raise
    found = {}
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if match := PLAIN_LINE.fullmatch(line.strip()):
            try:
                found[match[1]] = json.loads(match[2])
            except ValueError as error:
                raise UsageError(f"{path} can't be read at {line!r}; mend it or move it away") from error
    return found


def without_secret(address: str) -> str:
    """An address whose user name and password, and keys in its query, if any, are hidden."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    parts = parts._replace(query=KEY.sub(rf"\1{HIDDEN}", parts.query))
    if "@" in parts.netloc:
        parts = parts._replace(netloc=f"{HIDDEN}@{parts.netloc.rpartition('@')[2]}")
    return urlunsplit(parts)
