"""What the adapter is made of, each part alone."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from engines.sd_scripts.stand_in import save_state, write_lora
from execution.fake_engine import write_safetensors

from train_tools.arguments.config_file import dumps
from train_tools.engines.sd_scripts import ascii_path, caches, states
from train_tools.engines.sd_scripts.checkpoints import Gallery
from train_tools.engines.sd_scripts.command import command, variables
from train_tools.engines.sd_scripts.config import Places, for_filling, staged
from train_tools.engines.sd_scripts.failure import exit_code_of_trainer, reason
from train_tools.engines.sd_scripts.family import family_of
from train_tools.engines.sd_scripts.process import Process
from train_tools.engines.sd_scripts.tokenizers import tokenizers_for
from train_tools.errors import UsageError
from train_tools.families.interface import Family
from train_tools.families.registry import BY_NAME, FAMILIES
from train_tools.workspace import toml

RUN: dict[str, Any] = {
    "pretrained_model_name_or_path": "/models/base.safetensors", "train_data_dir": "/data", "output_dir": "/runs/a",
    "output_name": "a", "network_module": "networks.lora", "resolution": "512,512", "learning_rate": 1e-4,
    "max_train_epochs": 3, "save_every_n_epochs": 1, "cache_latents": True,
}  # fmt: skip
PLACES = Places(Path("/runs/a/state/out"), Path("/runs/a/logs"), "id-from-00000000-")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_has_its_script_and_a_valid_file(family: Family, tmp_path: Path) -> None:
    arguments = {
        **RUN, **{name: f"/models/{name}.safetensors" for name in family.training.required},
        "network_module": family.training.network_modules[0], "min_bucket_reso": 64, **family.training.defaults,
    }  # fmt: skip
    arguments["pretrained_model_name_or_path"] = str(tmp_path / "base.safetensors")
    write_safetensors(tmp_path / "base.safetensors", {"something.else": (1, 1)})
    with pytest.raises(UsageError, match="of no family that is known"):
        family_of(arguments)
    arguments["family"] = family.name
    assert family_of(arguments) == family
    text = dumps(staged(arguments, PLACES), family)
    assert text.startswith(f"# {family.training.script}\n")
    assert toml.loads(text)["resolution"] in ("512,512", "1024,1024")
    started = command(Path("/sd"), family.training.script, Path("/x.toml"), 1, "bf16")
    assert started[0] == sys.executable
    assert started[-3:] == [str(Path("/sd") / family.training.script), "--config_file", str(Path("/x.toml"))]


def test_several_gpus_are_started_by_accelerate_and_hold_the_same_lifeline() -> None:
    started = command(Path("/sd"), "train_network.py", Path("/x.toml"), 2, "bf16")
    assert started[1:4] == ["-m", "accelerate.commands.launch", "--multi_gpu"]
    assert started[started.index("--num_processes") + 1] == "2"
    assert [Path(word).name for word in started[-5:]] == [
        "launch.py", "lifeline.py", "train_network.py", "--config_file", "x.toml",
    ]  # fmt: skip


PARENT = """
import subprocess, sys
children = [subprocess.Popen([sys.executable, *sys.argv[1:]]) for _ in range(2)]
for child in children:
    child.wait()
"""


@pytest.mark.parametrize("parent_first", [False, True])
def test_processes_of_several_gpus_end_with_the_one_that_started_them(
    tmp_path: Path, parent_first: bool
) -> None:
    script = tmp_path / "train_network.py"
    script.write_text("import os, time\nopen(f'ready-{os.getpid()}', 'w').close()\ntime.sleep(60)\n")
    started = command(tmp_path, script.name, tmp_path / "x.toml", 1, "no")
    process = Process(
        [sys.executable, "-c", PARENT, *started[1:]], tmp_path, variables(os.environ, is_local=True)
    )
    end = time.monotonic() + 120
    while len(list(tmp_path.glob("ready-*"))) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    ranks = [psutil.Process(int(path.name.partition("-")[2])) for path in tmp_path.glob("ready-*")]
    if parent_first:
        ranks[0].parent().kill()
    process.end()
    _, left = psutil.wait_procs(ranks, timeout=10)
    assert left == []


def test_its_environment_is_its_own() -> None:
    ours = {"PYTHONPATH": "/ours", "PYTHONSAFEPATH": "1", "OMP_WAIT_POLICY": "ACTIVE", "PATH": "/bin"}
    found = variables(ours, is_local=True)
    assert "PYTHONPATH" not in found
    assert "PYTHONSAFEPATH" not in found
    assert (found["OMP_WAIT_POLICY"], found["PATH"]) == ("ACTIVE", "/bin")
    assert found["PYTHONUTF8"] == found["PYTHONUNBUFFERED"] == found["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in variables({}, is_local=False)


def test_what_sd_scripts_is_given() -> None:
    found = staged({**RUN, "log_with": "wandb", "console_log_file": "/x.log"}, PLACES, cores=2)
    assert found["console_log_simple"] is True
    assert found["console_log_file"] is None
    assert (found["log_with"], found["log_prefix"]) == ("all", "id-from-00000000-")
    assert (found["max_data_loader_n_workers"], found["save_state"]) == (0, True)
    assert found["save_last_n_epochs_state"] == 1
    many = staged({**RUN, "save_state": True, "max_data_loader_n_workers": 4}, PLACES, cores=2)
    assert many["max_data_loader_n_workers"] == 4
    assert "save_last_n_epochs_state" not in many
    assert "max_data_loader_n_workers" not in staged(RUN, PLACES, cores=16)
    filling = for_filling(RUN, Places(Path("/o"), None))
    assert filling["logging_dir"] is filling["save_state"] is None


def version_folder(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "processed" / "2_[zorb]"
    folder.mkdir(parents=True)
    for name in ("a.png", "a.txt", "b.png", "b_mask.txt", "a_0064x0064_sd.npz"):
        (folder / name).write_text(name)
    return {**RUN, "train_data_dir": str(folder.parent)}


def test_a_cache_holds_the_same_images_and_captions(tmp_path: Path) -> None:
    arguments = version_folder(tmp_path)
    cache = caches.open_cache(tmp_path / "cache", arguments, Path("/sd"))
    assert sorted(path.name for path in (cache.images() / "2_[zorb]").iterdir()) == [
        "a.png",
        "a.txt",
        "b.png",
    ]
    assert cache.reg() is None
    again = caches.open_cache(tmp_path / "cache", {**arguments, "network_dim": 64, "seed": 9}, Path("/sd"))
    assert again == cache


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": "768,768"}, {"enable_bucket": True}, {"bucket_no_upscale": True}, {"flip_aug": True},
        {"mixed_precision": "bf16"}, {"clip_skip": 2}, {"caption_extension": ".txt"}, {"max_token_length": 150},
        {"caption_prefix": "a "}, {"vae": "vae.safetensors"}, {"no_half_vae": True}, {"alpha_mask": True},
        {"t5xxl_max_token_length": 256}, {"pretrained_model_name_or_path": "/models/other.safetensors"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_whatever_changes_what_is_encoded_has_a_cache_of_its_own(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    images: list[Any] = []
    base = caches.key(RUN, images, images, Path("/sd"))
    assert caches.key({**RUN, **change}, images, images, Path("/sd")) != base
    assert caches.key({**RUN, "seed": 3}, images, images, Path("/sd")) == base


def test_a_model_file_that_was_replaced_has_another_cache(tmp_path: Path) -> None:
    model = tmp_path / "vae.safetensors"
    model.write_text("one")
    first = caches.key({**RUN, "vae": str(model)}, [], [], Path("/sd"))
    model.write_text("another")
    assert caches.key({**RUN, "vae": str(model)}, [], [], Path("/sd")) != first


def test_caches_that_nobody_used_for_long_are_removed(tmp_path: Path) -> None:
    arguments = version_folder(tmp_path)
    cache = caches.open_cache(tmp_path / "cache", arguments, Path("/sd"))
    used = cache.folder.stat().st_mtime
    caches.remove_unused(tmp_path / "cache", used + 13 * 86_400)
    assert cache.folder.exists()
    caches.remove_unused(tmp_path / "cache", used + 15 * 86_400)
    assert not cache.folder.exists()
    assert Path(arguments["train_data_dir"], "2_[zorb]", "a.png").exists()


def test_a_copy_does_where_the_disk_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    cache = caches.open_cache(tmp_path / "cache", version_folder(tmp_path), Path("/sd"))
    assert (cache.images() / "2_[zorb]" / "a.png").read_text() == "a.png"


def test_half_a_file_is_never_handed_on(tmp_path: Path) -> None:
    source, target = tmp_path / "out", tmp_path / "run"
    source.mkdir()
    target.mkdir()
    gallery = Gallery(source, target, 0)
    file = source / "a-000001.safetensors"
    write_lora(file, [1.0] * 50, {"ss_steps": "6"}, slow=False)
    whole = file.read_bytes()
    for length in (0, 7, 30, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert gallery.hand_on(at_rest=True) == []
    file.write_bytes(whole)
    assert gallery.hand_on(at_rest=False) == []  # it changed since the last look
    assert gallery.hand_on(at_rest=False) == ["a-000001.safetensors"]
    assert (target / "a-000001.safetensors").read_bytes() == whole
    assert gallery.hand_on(at_rest=False) == []


def test_steps_after_a_state_are_those_of_the_whole_run(tmp_path: Path) -> None:
    from safetensors import safe_open

    source, target = tmp_path / "out", tmp_path / "run"
    source.mkdir()
    target.mkdir()
    write_lora(source / "a-step00000004.safetensors", [1, 2, 3], {"ss_steps": "4", "ä": "学"}, slow=False)
    assert Gallery(source, target, 12).hand_on(at_rest=True) == ["a-step00000016.safetensors"]
    with safe_open(target / "a-step00000016.safetensors", "np") as file:
        assert file.metadata() == {"ss_steps": "16", "ä": "学"}
        assert file.get_tensor("lora_unet_x.lora_up.weight").tolist() == [1, 2, 3]


def test_only_whole_states_are_gone_on_from(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        save_state(tmp_path / f"a-{epoch:06d}-state", epoch, epoch * 6, [1.0], slow=False)
    assert states.last_state(tmp_path, 4) == (tmp_path / "a-000003-state", 3)
    assert states.last_state(tmp_path, 3) == (tmp_path / "a-000002-state", 2)
    (tmp_path / "a-000003-state" / "random_states_0.pkl").write_bytes(b"PK")
    assert states.last_state(tmp_path, 4) == (tmp_path / "a-000002-state", 2)
    weights = tmp_path / "a-000002-state" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (tmp_path / "a-000001-state" / "train_state.json").write_text("{")
    assert states.last_state(tmp_path, 4) is None


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["x", "ModuleNotFoundError: No module named 'prodigyopt'"], "package prodigyopt is missing"),
        (["No data found. Please verify"], "found no images"),
        (["Traceback", "torch.OutOfMemoryError: CUDA out of memory. Tried"], "CUDA out of memory"),
        (["OSError: Can't load tokenizer for 'openai/clip'. If"], r"isn't on this machine \(openai/clip\)"),
        (
            ["[rank0]: ValueError: too wide", "torch.distributed.ChildFailedError:", "===="],
            "error: ValueError: too wide$",
        ),
        (["RuntimeError: because of:", "it"], "RuntimeError: because of: it"),
        (["model loaded"], "its last line: model loaded"),
        ([], "code 1 and without a result$"),
    ],
)
def test_the_reason_is_one_sentence(lines: list[str], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(reason(lines, 1))


@pytest.mark.parametrize(
    ("lines", "code", "expected"),
    [
        (["E1121 torch/distributed/elastic: failed (exitcode: -9) local_rank: 1 (pid: 7) of binary: python"], 1, -9),
        (["failed (exitcode: 1) local_rank: 0 (pid: 7)", "failed (exitcode: -15) local_rank: 1 (pid: 8)"], 1, 1),
        (["epoch 1/3"], 1, 1), (["failed (exitcode: -9) local_rank: 1"], 0, 0), ([], -9, -9),
    ],
)  # fmt: skip
def test_behind_a_launcher_the_exit_code_is_the_trainers(lines: list[str], code: int, expected: int) -> None:
    assert exit_code_of_trainer(lines, code) == expected


@pytest.mark.skipif(os.name == "nt", reason="junctions need a drive")
def test_a_folder_gets_a_name_in_ascii(tmp_path: Path) -> None:
    folder, links = tmp_path / "我的 ü", tmp_path / "links"
    folder.mkdir()
    link = ascii_path.ascii_path(folder, links)
    assert str(link).isascii()
    (link / "x").write_text("")
    assert (folder / "x").exists()
    assert ascii_path.ascii_path(folder, links) == link
    folder.rename(tmp_path / "later")
    folder.mkdir()
    assert ascii_path.ascii_path(folder, links).samefile(folder)
    assert ascii_path.ascii_path(tmp_path, links) == tmp_path
    assert ascii_path.ascii_path(folder, None) == folder


def test_links_are_made_on_windows_alone() -> None:
    assert ascii_path.links_folder({"PROGRAMDATA": "C:\\ProgramData"}, windows=False) is None
    assert ascii_path.links_folder({"PROGRAMDATA": "C:\\ProgramData"}, windows=True) is not None
    assert ascii_path.links_folder({"PROGRAMDATA": "C:\\数据"}, windows=True) is None


def test_tokenizers_need_no_hub(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    folder = tokenizers_for(RUN, BY_NAME["sdxl"], tmp_path / "tokenizers")
    assert folder is not None
    pads = {}
    for path in folder.iterdir():
        words = CLIPTokenizer.from_pretrained(path)
        ids = words("a photo", padding="max_length", max_length=6).input_ids
        assert ids[:4] == [49406, 320, 1125, 49407]
        pads[path.name.split("_")[0]] = ids[-1]
    assert pads == {"openai": 49407, "laion": 0}
    assert tokenizers_for(RUN, BY_NAME["flux"], tmp_path) is None
    assert tokenizers_for({**RUN, "tokenizer_cache_dir": "/own"}, BY_NAME["sd1"], tmp_path) is None


def test_the_base_model_tells_the_family_whatever_the_network_module(tmp_path: Path) -> None:
    base = tmp_path / "base.safetensors"
    write_safetensors(base, {"conditioner.embedders.1.model.x": (1, 1)})
    for module in ("lycoris.kohya", "networks.lora_sd3"):
        run = {**RUN, "pretrained_model_name_or_path": str(base), "network_module": module}
        assert family_of(run) == BY_NAME["sdxl"]
    with pytest.raises(UsageError, match="is not there"):
        family_of(RUN)
