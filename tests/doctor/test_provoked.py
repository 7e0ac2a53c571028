"""Errors of the installed packages, provoked for real: the doctor knows the words of their present versions."""

from __future__ import annotations

import errno
import http.server
import io
import json
import os
import socket
import subprocess
import sys
import threading
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from train_tools.doctor.explain import explain

ON_LINUX = sys.platform.startswith("linux")
Provoke = Callable[[Path], object]
CASES: dict[str, tuple[str, Provoke]] = {}


def case(expected: str) -> Callable[[Provoke], Provoke]:
    def add(provoke: Provoke) -> Provoke:
        CASES[provoke.__name__] = (expected, provoke)
        return provoke

    return add


def written(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def saved(folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(64)}, folder / "whole.safetensors")
    return folder / "whole.safetensors"


@case("model-damaged")
def safetensors_cut_off(folder: Path) -> object:
    from safetensors.torch import load_file

    return load_file(written(folder / "a.safetensors", saved(folder).read_bytes()[:-40]))


@case("model-damaged")
def safetensors_of_html(folder: Path) -> object:
    from safetensors.torch import load_file

    return load_file(written(folder / "a.safetensors", "<!DOCTYPE html><html><head><title>Not found</title>"))


@case("model-damaged")
def safetensors_empty(folder: Path) -> object:
    from safetensors import safe_open

    return safe_open(written(folder / "a.safetensors", b""), "pt")


@case("model-damaged")
def safetensors_with_a_broken_head(folder: Path) -> object:
    from safetensors.torch import load_file

    data = bytearray(saved(folder).read_bytes())
    data[10:14] = b"\xff\xff{{"
    return load_file(written(folder / "a.safetensors", bytes(data)))


@case("model-missing")
def safetensors_missing(folder: Path) -> object:
    from safetensors.torch import load_file

    return load_file(folder / "gone.safetensors")


@case("model-damaged")
def checkpoint_cut_off(folder: Path) -> object:
    torch.save({"a": torch.zeros(512)}, folder / "a.ckpt")
    return torch.load(written(folder / "b.ckpt", (folder / "a.ckpt").read_bytes()[:-200]))


@case("model-damaged")
def checkpoint_of_html(folder: Path) -> object:
    return torch.load(written(folder / "b.ckpt", "<html>not found</html>"), weights_only=False)


@case("model-damaged")
def checkpoint_empty(folder: Path) -> object:
    return torch.load(written(folder / "b.ckpt", b""), weights_only=False)


@case("pickle-refused")
def checkpoint_with_code(folder: Path) -> object:
    torch.save({"a": Path("x")}, folder / "a.ckpt")
    return torch.load(folder / "a.ckpt", weights_only=True)


@case("other-model-family")
def weights_of_another_shape(_folder: Path) -> object:
    return torch.nn.Linear(4, 4).load_state_dict({"weight": torch.zeros(2, 4), "bias": torch.zeros(4)})


@case("other-model-family")
def weights_of_other_names(_folder: Path) -> object:
    return torch.nn.Linear(4, 4).load_state_dict({"other": torch.zeros(2, 4)})


@case("other-model-family")
def channels_that_dont_fit(_folder: Path) -> object:
    return torch.nn.Conv2d(4, 8, 1)(torch.zeros(1, 9, 4, 4))


@case("other-model-family")
def widths_that_dont_fit(_folder: Path) -> object:
    return torch.nn.Linear(4, 8)(torch.zeros(2, 7))


@case("meta-tensor")
def model_without_tensors(_folder: Path) -> object:
    return torch.nn.Linear(4, 4, device="meta").to("cpu")


@case("half-precision")
def half_and_float(_folder: Path) -> object:
    return torch.nn.Linear(4, 4)(torch.zeros(1, 4, dtype=torch.float16))


@case("half-precision")
def half_image_float_weights(_folder: Path) -> object:
    return torch.nn.Conv2d(3, 3, 1)(torch.zeros(1, 3, 4, 4, dtype=torch.float16))


@case("half-precision")
def scaler_without_gradients(_folder: Path) -> object:
    scaler = torch.amp.GradScaler("cpu")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    scaler.scale(torch.zeros(1))
    return scaler.step(optimizer)


@case("fp16-unsupported")
def half_on_a_cpu(_folder: Path) -> object:
    return torch.linalg.qr(torch.zeros(2, 2, dtype=torch.float16))


@case("bf16-unsupported")
def bfloat_on_a_cpu(_folder: Path) -> object:
    return torch.linalg.qr(torch.zeros(2, 2, dtype=torch.bfloat16))


@case("fp8-unsupported")
def eight_bits_on_a_cpu(_folder: Path) -> object:
    return torch.linalg.qr(torch.zeros(2, 2).to(torch.float8_e4m3fn))


@case("accelerate-version")
def accelerate_of_old(_folder: Path) -> object:
    from accelerate import Accelerator

    return Accelerator(logging_dir="x")


@case("sizes-differ")
def batch_of_two_sizes(_folder: Path) -> object:
    return torch.stack([torch.zeros(4, 64, 64), torch.zeros(4, 64, 72)])


@case("sizes-differ")
def joined_sizes(_folder: Path) -> object:
    return torch.cat([torch.zeros(1, 4, 64), torch.zeros(1, 4, 72)], dim=1)


@case("network-weights")
def ranks_that_dont_fit(_folder: Path) -> object:
    return torch.zeros(64) + torch.zeros(128)


@case("nothing-trains")
def no_parameters(_folder: Path) -> object:
    return torch.optim.AdamW([])


@case("nothing-trains")
def nothing_has_a_gradient(_folder: Path) -> object:
    return torch.zeros(1).sum().backward()


@case("optimizer-args")
def unknown_word_of_an_optimizer(_folder: Path) -> object:
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], wd=0.1)  # type: ignore[call-arg]


@case("optimizer-args")
def impossible_value_of_an_optimizer(_folder: Path) -> object:
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], betas=(1.0, 2.0))


@case("optimizer-unknown")
def unknown_optimizer(_folder: Path) -> object:
    return getattr(torch.optim, "AdamX")  # noqa: B009


@case("resume-missing")
def state_of_another_training(_folder: Path) -> object:
    one = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    return one.load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]})


@case("no-images")
def sampler_of_nothing(_folder: Path) -> object:
    return torch.utils.data.DataLoader([], shuffle=True)


class Pictures(torch.utils.data.Dataset[Any]):
    def __init__(self, path: Path) -> None:
        self._path = path

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        if self._path.name == "killed":
            os.kill(os.getpid(), 9)
        return np.asarray(Image.open(self._path))


@case("image-damaged")
def damaged_image_in_a_loader(folder: Path) -> object:
    data = Pictures(written(folder / "a.png", b"no image"))
    return list(torch.utils.data.DataLoader(data, num_workers=1))


if ON_LINUX:

    @case("loader-process-gone")
    def killed_loader(folder: Path) -> object:
        return list(torch.utils.data.DataLoader(Pictures(folder / "killed"), num_workers=1))


@case("out-of-memory")
def memory_for_a_tensor(_folder: Path) -> object:
    return torch.empty(1 << 55)


@case("out-of-memory")
def memory_for_an_array(_folder: Path) -> object:
    return np.zeros(1 << 55)


if not torch.cuda.is_available():

    @case("torch-no-gpu")
    def no_gpu(_folder: Path) -> object:
        return torch.zeros(1).cuda()

    @case("torch-no-gpu")
    def file_for_a_gpu(folder: Path) -> object:
        torch.save(torch.zeros(1), folder / "a.pt")
        return torch.load(folder / "a.pt", map_location="cuda")


@case("out-of-gpu-memory")
def gpu_memory(_folder: Path) -> object:
    """The class alone is torch's; where it is raised there is a GPU."""
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@case("several-gpus")
def no_nccl(_folder: Path) -> object:
    if torch.distributed.is_nccl_available():
        raise RuntimeError("Distributed package doesn't have NCCL built in")
    return torch.distributed.init_process_group("nccl", init_method="tcp://127.0.0.1:0", rank=0, world_size=1)


@case("port-taken")
def port_of_a_launcher(_folder: Path) -> object:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return torch.distributed.TCPStore("127.0.0.1", taken.getsockname()[1], is_master=True)


@case("port-taken")
def port_taken(_folder: Path) -> object:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return socket.create_server(taken.getsockname())


@case("image-damaged")
def no_image(folder: Path) -> object:
    return Image.open(written(folder / "a.png", b"no image"))


@case("image-damaged")
def image_cut_off(folder: Path) -> object:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(data, "PNG")
    return Image.open(written(folder / "a.png", data.getvalue()[:-900])).load()


@case("image-damaged")
def image_too_large(folder: Path) -> object:
    Image.new("1", (20_000, 20_000)).save(folder / "a.png")
    return Image.open(folder / "a.png")


@case("image-damaged")
def picture_that_a_format_cant_hold(folder: Path) -> object:
    return Image.new("RGBA", (4, 4)).save(folder / "a.jpg")


@case("cache-damaged")
def cache_is_no_zip(folder: Path) -> object:
    return np.load(written(folder / "1_0064x0064_sd.npz", b"PK\x03\x04damaged"))


@case("cache-damaged")
def cache_of_objects(folder: Path) -> object:
    return np.load(written(folder / "1_sd.npz", b"garbage"))


@case("cache-damaged")
def cache_without_the_entry(folder: Path) -> object:
    np.savez(folder / "1_sd.npz", latents=np.zeros(3))
    return np.load(folder / "1_sd.npz")["latents_64x64"]


@case("cache-damaged")
def cache_with_a_wrong_sum(folder: Path) -> object:
    with zipfile.ZipFile(folder / "1_sd.npz", "w") as archive:
        archive.writestr("latents.npy", bytes(4000))
    data = bytearray((folder / "1_sd.npz").read_bytes())
    data[600] ^= 255
    return np.load(written(folder / "1_sd.npz", bytes(data)))["latents"]


@case("numpy-abi")
def old_name_of_numpy(_folder: Path) -> object:
    return getattr(np, "float")  # noqa: B009


@case("scheduler")
def scheduler_without_warm_up(_folder: Path) -> object:
    from diffusers.optimization import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    return get_scheduler("cosine", optimizer)


@case("scheduler")
def scheduler_of_an_unknown_name(_folder: Path) -> object:
    from diffusers.optimization import get_scheduler

    return get_scheduler("cosin", torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1))


@case("scheduler")
def scheduler_without_its_lowest(_folder: Path) -> object:
    from transformers.optimization import get_cosine_with_min_lr_schedule_with_warmup as get

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    return get(optimizer, num_warmup_steps=1, num_training_steps=2)


@case("model-missing")
def unet_without_config(folder: Path) -> object:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(folder)


@case("model-missing")
def pipeline_of_a_folder(folder: Path) -> object:
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)


@case("model-missing")
def vae_without_weights(folder: Path) -> object:
    from diffusers import AutoencoderKL

    written(folder / "config.json", json.dumps({"_class_name": "AutoencoderKL"}))
    return AutoencoderKL.from_pretrained(folder)


@case("model-missing")
def text_encoder_without_config(folder: Path) -> object:
    from transformers import CLIPTextModel

    return CLIPTextModel.from_pretrained(folder)


@case("model-missing")
def text_encoder_without_weights(folder: Path) -> object:
    from transformers import CLIPTextConfig, CLIPTextModel

    CLIPTextConfig().save_pretrained(folder)
    return CLIPTextModel.from_pretrained(folder)


@case("model-damaged")
def text_encoder_cut_off(folder: Path) -> object:
    from transformers import CLIPTextConfig, CLIPTextModel

    CLIPTextConfig(num_hidden_layers=1).save_pretrained(folder)
    written(folder / "model.safetensors", saved(folder).read_bytes()[:-40])
    return CLIPTextModel.from_pretrained(folder)


@case("model-missing")
def no_such_repository_name(_folder: Path) -> object:
    from huggingface_hub import hf_hub_download

    return hf_hub_download("D:/models/a.safetensors", "config.json")


@case("model-damaged")
def onnx_damaged(folder: Path) -> object:
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(written(folder / "model.onnx", b"garbage"))


@case("model-missing")
def onnx_missing(folder: Path) -> object:
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(folder / "model.onnx")


@case("settings-file")
def broken_json(_folder: Path) -> object:
    return json.loads('{"a": 1,, }')


@case("settings-file")
def broken_toml(_folder: Path) -> object:
    tomllib = pytest.importorskip("tomllib")
    return tomllib.loads('path = "D:\\models\\a"')


@case("optimizer-args")
def value_that_is_none(_folder: Path) -> object:
    import ast

    return ast.literal_eval("[true, x]")


@case("optimizer-args")
def words_without_equals(_folder: Path) -> object:
    name, value = ["weight_decay"]
    return name, value


@case("number-as-text")
def text_and_number(_folder: Path) -> object:
    return 1.0 <= "1e-4"  # type: ignore[operator]


@case("text-not-utf8")
def caption_of_another_code(folder: Path) -> object:
    return written(folder / "a.txt", "标签".encode("gbk")).read_text(encoding="utf-8")


@case("text-not-utf8")
def letter_that_a_console_cant_show(_folder: Path) -> object:
    return "♂".encode("cp1252")


@case("package-missing")
def no_package(_folder: Path) -> object:
    import no_such_package_at_all  # type: ignore[import-not-found]

    return no_such_package_at_all


@case("package-version")
def other_version(_folder: Path) -> object:
    from transformers import NoSuchClassAtAll  # type: ignore[attr-defined]

    return NoSuchClassAtAll


@case("git")
def no_git(folder: Path) -> object:
    return subprocess.run(["git"], env={"PATH": str(folder)}, check=True)


@case("path-missing")
def no_folder(folder: Path) -> object:
    return (folder / "gone" / "images").iterdir().__next__()


@case("path-too-long")
def long_name(folder: Path) -> object:
    return (folder / ("x" * 300)).write_text("a")


@case("part-not-given")
def path_of_none(_folder: Path) -> object:
    return Path(None)  # type: ignore[arg-type]


@case("too-few-images")
def by_zero(_folder: Path) -> object:
    return 10 // len([])


if ON_LINUX:

    @case("disk-full")
    def file_on_a_full_disk(_folder: Path) -> object:
        with open("/dev/full", "w", encoding="utf-8") as file:
            return file.write("a")

    @case("disk-full")
    def checkpoint_on_a_full_disk(_folder: Path) -> object:
        return torch.save({"a": torch.zeros(10_000)}, "/dev/full")

    @case("disk-full")
    def picture_on_a_full_disk(_folder: Path) -> object:
        with open("/dev/full", "wb") as file:
            return Image.new("RGB", (640, 640)).save(file, "BMP")

    @case("file-too-large")
    def lora_on_a_disk_with_a_limit(folder: Path) -> object:
        from disk_trouble import no_bytes
        from safetensors.torch import save_file

        with no_bytes():
            return save_file({"a": torch.zeros(64)}, folder / "a.safetensors")


@pytest.mark.parametrize("name", CASES)
def test_what_a_package_says_is_known(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    expected, provoke = CASES[name]
    with pytest.raises(Exception) as caught:
        provoke(tmp_path)
    log = "".join(traceback.format_exception(caught.value))
    assert [remedy.id for remedy in explain(log)] == [expected], log


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the Hub does where it refuses: by status and the header that names the reason (huggingface_hub 1)."""

    answer: tuple[int, dict[str, str]] = (200, {})

    def do_HEAD(self) -> None:
        self.send_response(self.answer[0])
        for name, value in self.answer[1].items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815 - the server's names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


DOWNLOAD = "from huggingface_hub import hf_hub_download; hf_hub_download('someone/model', 'config.json')"
CONFIG = "from transformers import CLIPTextModel; CLIPTextModel.from_pretrained('someone/model')"
UNET = "from diffusers import UNet2DConditionModel; UNet2DConditionModel.from_pretrained('someone/model')"


def ended_with(code: str, folder: Path, **variables: str) -> str:
    away = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environ = {**away, "HF_HOME": str(folder), "NO_PROXY": "127.0.0.1", **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert done.returncode
    return done.stdout + done.stderr


@pytest.mark.parametrize("code", [DOWNLOAD, pytest.param(CONFIG, marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model is restricted"}, "gated"),
        (401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, "gated"),
        (404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}, "model-missing"),
    ],
)
def test_a_hub_that_refuses(
    code: str, status: int, headers: dict[str, str], expected: str, hub: str, tmp_path: Path
) -> None:
    Hub.answer = (status, headers)
    log = ended_with(code, tmp_path, HF_ENDPOINT=hub)
    assert [remedy.id for remedy in explain(log)] == [expected], log


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (DOWNLOAD, "network-unreachable"),
        pytest.param(CONFIG, "network-unreachable", marks=pytest.mark.thorough),
        pytest.param(UNET, "network-unreachable", marks=pytest.mark.thorough),
    ],
)
def test_what_isnt_there_while_offline(code: str, expected: str, tmp_path: Path) -> None:
    log = ended_with(code, tmp_path, HF_HUB_OFFLINE="1")
    assert [remedy.id for remedy in explain(log)] == [expected], log


@pytest.mark.thorough  # the hub's client tries again and again
@pytest.mark.parametrize(("status", "expected"), [(429, "too-many-requests"), (500, "network-unreachable")])
def test_a_hub_that_is_busy(status: int, expected: str, hub: str, tmp_path: Path) -> None:
    Hub.answer = (status, {})
    log = ended_with(DOWNLOAD, tmp_path, HF_ENDPOINT=hub)
    assert [remedy.id for remedy in explain(log)] == [expected], log


@pytest.mark.thorough  # the hub's client tries again and again
def test_a_hub_that_cant_be_reached(tmp_path: Path) -> None:
    log = ended_with(DOWNLOAD, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert [remedy.id for remedy in explain(log)] == ["network-unreachable"], log


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(
    ("number", "expected"), [(9, "out-of-memory"), (11, "crash"), (6, "crash"), (15, "stopped")]
)
def test_a_process_that_a_signal_ended(number: int, expected: str) -> None:
    killed = subprocess.run([sys.executable, "-c", f"import os; os.kill(os.getpid(), {number})"])
    with pytest.raises(subprocess.CalledProcessError) as caught:
        killed.check_returncode()
    assert [r.id for r in explain("".join(traceback.format_exception(caught.value)))] == [expected]
    told = f"sd-scripts ended with code {killed.returncode} and without a result"
    assert [r.id for r in explain(told)] == [expected]


def test_the_systems_errors_by_their_numbers() -> None:
    expected = {
        "ENOSPC": "disk-full", "EROFS": "drive-failing", "EIO": "drive-failing", "EACCES": "permission",
        "ENAMETOOLONG": "path-too-long", "EMFILE": "too-many-files", "EFBIG": "file-too-large",
        "ENOENT": "path-missing", "ENOMEM": "out-of-memory", "EDQUOT": "disk-full", "ESTALE": "drive-failing",
    }  # fmt: skip
    for name, rule in expected.items():
        number = getattr(errno, name)
        error = OSError(number, os.strerror(number), "/data/a.txt")
        log = "".join(traceback.format_exception(error))
        assert [remedy.id for remedy in explain(log)] == [rule], log
