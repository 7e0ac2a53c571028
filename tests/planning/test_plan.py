from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import base_file, make_version, settings, write_safetensors
from PIL import Image

from train_tools.engines import registry
from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution.train import refuse_impossible
from train_tools.families.interface import Found
from train_tools.planning.images import read_dataset
from train_tools.planning.plan import Plan, make_plan
from train_tools.workspace import settings as version_settings
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


def plan_for(version: Version, tmp_path: Path, **changes: str) -> Plan:
    return make_plan(version, settings(tmp_path, **changes))


def picture(folder: Path, name: str, size: tuple[int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(folder / name)


def test_images_that_are_held_back_arent_counted(version: Version, tmp_path: Path) -> None:
    whole = plan_for(version, tmp_path, train_batch_size="1").runs[0]
    split = {"train_batch_size": "1", "validation_split": "0.5", "validation_seed": "1"}
    half = plan_for(version, tmp_path, **split).runs[0]
    assert (half.steps, half.images_seen) == (whole.steps // 2, whole.images_seen // 2)
    assert half.engine == "packed"
    with pytest.raises(UsageError, match="leaves no image to train"):
        plan_for(version, tmp_path, **{**split, "validation_split": "1"})


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        # 4 squares, 3 repeats; 2 epochs.
        ({"train_batch_size": "1"}, 2 * 12),
        ({"train_batch_size": "5"}, 2 * 3),
        ({"train_batch_size": "12"}, 2),
        ({"train_batch_size": "100"}, 2),
        ({"train_batch_size": "5", "gradient_accumulation_steps": "2"}, 2 * 2),
        ({"train_batch_size": "5", "max_train_epochs": "7"}, 7 * 3),
    ],
)
def test_steps_of_one_bucket(version: Version, tmp_path: Path, changes: dict[str, str], steps: int) -> None:
    (run,) = plan_for(version, tmp_path, **changes).runs
    assert run.steps == steps
    assert run.images_seen == 12 * int(changes.get("max_train_epochs", 2))


def test_steps_with_buckets_and_repeats(version: Version, tmp_path: Path) -> None:
    wide = version.processed / "5_wide"
    picture(wide, "a.png", (96, 48))  # 88x40, with b: 10 pictures in 3 batches of 4
    picture(wide, "b.JPG", (192, 96))
    picture(wide, "c.webp", (48, 80))  # a bucket of its own: 5 pictures in 2 batches; the squares: 12 in 3
    picture(version.processed / "no repeats", "d.png", (64, 64))
    picture(version.processed / "0_never", "e.png", (64, 64))
    picture(wide, ".tmp-f.png", (64, 64))
    (wide / "a.txt").write_text("a zorb")
    with_buckets = plan_for(version, tmp_path, train_batch_size="4", max_train_epochs="1").runs[0]
    assert (with_buckets.steps, with_buckets.images_seen) == (3 + 3 + 2, 27)
    without = plan_for(
        version, tmp_path, train_batch_size="4", max_train_epochs="1", enable_bucket="no"
    ).runs[0]
    assert without.steps == 7
    own_size = plan_for(
        version, tmp_path, train_batch_size="4", max_train_epochs="1", bucket_no_upscale="yes"
    )
    # Both wide ones have more than 64x64 pixels and shrink to 80x40; the high one keeps its size.
    assert own_size.runs[0].steps == 3 + 3 + 2


def test_checkpoints_are_those_of_sd_scripts(version: Version, tmp_path: Path) -> None:
    (run,) = plan_for(version, tmp_path, max_train_epochs="5", save_every_n_epochs="2").runs
    assert run.output_name == f"p-v1-{run.run_id}"
    endings = [name.removeprefix(run.output_name) for name in run.checkpoints]
    assert endings == ["-000002.safetensors", "-000004.safetensors", ".safetensors"]
    (only_last,) = plan_for(version, tmp_path, save_every_n_epochs="none").runs
    assert only_last.checkpoints == (f"{only_last.output_name}.safetensors",)
    (by_steps,) = plan_for(version, tmp_path, save_every_n_epochs="none", save_every_n_steps="5").runs
    assert [n.removeprefix(by_steps.output_name) for n in by_steps.checkpoints] == [
        "-step00000005.safetensors", "-step00000010.safetensors", ".safetensors",
    ]  # fmt: skip


def test_the_arguments_are_what_the_engine_gets(version: Version, tmp_path: Path) -> None:
    (run,) = plan_for(version, tmp_path, optimizer_args="weight_decay=0.1", network_dim="8").runs
    folder = version.trains.absolute() / run.name
    expected = {
        "pretrained_model_name_or_path": str(base_file(tmp_path)),
        "train_data_dir": str(version.processed.absolute()),
        "output_dir": str(folder),
        "logging_dir": str(folder / "logs"),
        "resolution": "64,64",
        "network_module": "networks.lora",
        "network_dim": 8,
        "network_alpha": 8.0,
        "optimizer_args": ["weight_decay=0.1"],
        "enable_bucket": True,
    }
    assert {name: run.arguments[name] for name in expected} == expected
    assert "vae" not in run.arguments
    assert "flip_aug" not in run.arguments


def test_the_shipped_base_model_brings_its_own_defaults(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train_tools.planning.defaults.base_model_file", lambda: base_file(tmp_path))
    other = tmp_path / "other.safetensors"
    other.write_bytes(base_file(tmp_path).read_bytes())
    both = make_plan(version, {"pretrained_model_name_or_path": f"{base_file(tmp_path)}, {other}"})
    assert [run.arguments["resolution"] for run in both.runs] == ["64,64", "512,512"]
    assert [run.arguments["mixed_precision"] for run in both.runs] == ["no", "bf16"]
    assert len(both.packs) == 2
    (alone,) = make_plan(version, {}).runs
    assert alone.arguments["pretrained_model_name_or_path"] == str(base_file(tmp_path))
    assert alone.name == "base-bs-1-ep-10-op-AdamW-lr-0_0001-net-16-ap-8"


def test_a_run_is_the_same_however_its_settings_are_written(version: Version, tmp_path: Path) -> None:
    ids = {
        plan_for(version, tmp_path, **changes).runs[0].run_id
        for changes in ({}, {"learning_rate": "0.0001"}, {"learning_rate": "1e-4", "flip_aug": "no"})
    }
    assert len(ids) == 1


def test_saved_settings_count_and_overrides_win(version: Version, tmp_path: Path) -> None:
    version_settings.update(version, "training", {**settings(tmp_path), "seed": "1,2,3", "network_dim": 4})
    assert len(make_plan(version, {}).runs) == 3
    (run,) = make_plan(version, {"seed": "9"}).runs
    assert (run.arguments["seed"], run.arguments["network_dim"]) == (9, 4)
    (default,) = make_plan(version, {"seed": ""}).runs
    assert default.arguments["seed"] == 42


def test_disk_is_computed_from_the_base_model(version: Version, tmp_path: Path) -> None:
    def size(**changes: str) -> int:
        (run,) = plan_for(version, tmp_path, **{"save_every_n_epochs": "none", **changes}).runs
        return run.disk_bytes

    # One UNet layer 4 -> 8 and one text layer 6 -> 16.
    assert size(network_dim="101") - size(network_dim="1") == 100 * (12 + 22) * 2
    assert size(network_dim="101", save_precision="float") - size(
        save_precision="float", network_dim="1"
    ) == (100 * (12 + 22) * 4)
    only_unet = {"network_train_unet_only": "true"}
    assert size(network_dim="101", **only_unet) - size(network_dim="1", **only_unet) == 100 * 12 * 2


def test_what_cant_be_planned_is_said(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"no\.safetensors is missing"):
        plan_for(version, tmp_path, pretrained_model_name_or_path=str(tmp_path / "no.safetensors"))
    with pytest.raises(UsageError, match=r"min_bucket_reso 256 .*change one"):
        plan_for(version, tmp_path, min_bucket_reso="256")
    with pytest.raises(UsageError, match="did you mean network_dim"):
        plan_for(version, tmp_path, network_dims="4")
    with pytest.raises(UsageError, match="pack_size takes one value"):
        plan_for(version, tmp_path, pack_size="1,2")
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    plan = plan_for(version, tmp_path)  # it is shown; only its start is refused
    assert len(plan.runs_to_train) == 1
    with pytest.raises(UsageError, match=r"need 0\.0 MB.* has 0\.0 MB free"):
        refuse_impossible(plan)


def test_a_missing_or_damaged_dataset_is_said(version: Version, tmp_path: Path) -> None:
    (version.processed / "3_zorb" / "broken.png").write_bytes(b"no image")
    with pytest.raises(TrainToolsError, match=r"broken\.png can't be read"):
        plan_for(version, tmp_path)
    with pytest.raises(UsageError, match="dataset process"):
        read_dataset(tmp_path / "nothing here")


def test_odd_settings_are_warned_about(version: Version, tmp_path: Path) -> None:
    warnings = "\n".join(
        f"{finding.sentence}; {finding.fix}"
        for finding in plan_for(
            version,
            tmp_path,
            network_dim="4,4",
            network_alpha="8",
            lr_scheduler="constant",
            lr_warmup_steps="10",
        ).findings
    )
    for words in ("network_dim holds 1 value(s) twice", "above network_dim", "no warm-up"):
        assert words in warnings


def test_two_models_of_one_name_dont_share_a_run_name(version: Version, tmp_path: Path) -> None:
    other = tmp_path / "other" / "base.safetensors"
    other.parent.mkdir()
    write_safetensors(other, {"model.diffusion_model.input_blocks.1.1.proj_in.weight": (8, 8, 1, 1)}, {})
    plan = plan_for(version, tmp_path, pretrained_model_name_or_path=f"{base_file(tmp_path)},{other}")
    assert len({run.name for run in plan.runs}) == 2
    assert len({run.run_id for run in plan.runs}) == 2


def test_ten_thousand_runs_are_planned_at_once(version: Version, tmp_path: Path) -> None:
    plan = plan_for(version, tmp_path, learning_rate="1e-5-1e-3 [100]", seed="1-100", pack_size="8")
    assert len({run.name for run in plan.runs}) == len({run.output_name for run in plan.runs}) == 10_000
    assert len(plan.packs) == 1250
    assert [(r.arguments["learning_rate"], r.arguments["seed"]) for r in plan.runs[:101:100]] == [
        (1e-5, 1), (2e-5, 1),
    ]  # fmt: skip


def test_planning_needs_no_torch() -> None:
    code = (
        "import sys, train_tools.commands.plan, train_tools.commands.train; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_base_model_brings_its_familys_defaults(version: Version, tmp_path: Path) -> None:
    base = tmp_path / "xl.safetensors"
    write_safetensors(base, {"conditioner.embedders.1.model.ln_final.weight": (8,)})
    model = {"pretrained_model_name_or_path": str(base)}
    (run,) = plan_for(version, tmp_path, **model, resolution="", min_bucket_reso="64").runs
    assert run.arguments["resolution"] == "1024,1024"
    assert run.arguments["no_half_vae"] is True
    (own,) = plan_for(version, tmp_path, **model, resolution="768", min_bucket_reso="64").runs
    assert own.arguments["resolution"] == "768,768"


def test_a_name_in_the_file_that_nobody_knows_is_told(version: Version, tmp_path: Path) -> None:
    version.settings_file.write_text("[training]\nnetwork_dmi = 4\nnetwork_dim = 4\n", encoding="utf-8")
    plan = plan_for(version, tmp_path)
    assert any(f.id == "unknown-setting" and "network_dmi" in f.sentence for f in plan.findings)


def test_a_base_model_that_the_engine_cant_train_is_named_before_it_starts(
    version: Version, tmp_path: Path
) -> None:
    base = tmp_path / "flux.safetensors"
    write_safetensors(base, {"double_blocks.0.img_attn.proj.weight": (8, 8)})
    model = {
        "pretrained_model_name_or_path": str(base),
        "bucket_reso_steps": "64",
        "min_bucket_reso": "64",
        "engine": "packed",
    }
    (run,) = plan_for(version, tmp_path, **model).runs
    assert any("FLUX.1" in reason and "Stable Diffusion 1" in reason for reason in run.reasons)
    assert not run.is_to_train


def test_regularisation_images_double_the_steps(version: Version, tmp_path: Path) -> None:
    (before,) = plan_for(version, tmp_path).runs
    assert "reg_data_dir" not in before.arguments
    picture(version.reg / "1_zorb", "a.png", (64, 64))
    (run,) = plan_for(version, tmp_path).runs
    assert run.arguments["reg_data_dir"] == str(version.reg.absolute())
    assert run.images_seen == 2 * before.images_seen
    assert run.steps > before.steps
    assert run.digest != before.digest
    (without,) = plan_for(version, tmp_path, use_reg_images="false").runs
    assert without.digest == before.digest
    both = plan_for(version, tmp_path, use_reg_images="true,false").runs
    assert [r.digest for r in both] == [run.digest, before.digest]
    assert "reg-false" in both[1].name


def test_another_folder_of_regularisation_images_may_be_named(version: Version, tmp_path: Path) -> None:
    picture(tmp_path / "mine" / "1_zorb", "a.png", (64, 64))
    (run,) = plan_for(version, tmp_path, reg_data_dir=str(tmp_path / "mine")).runs
    assert run.arguments["reg_data_dir"] == str(tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no image"):
        plan_for(version, tmp_path, reg_data_dir=str(tmp_path / "empty"))


def test_the_disk_must_hold_what_a_run_needs_to_go_on_too(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"optimizer_type": "AdamW,Lion", "pack_size": "1"}
    runs = plan_for(version, tmp_path, **changes).runs
    adamw, lion = (run.state_bytes for run in runs)
    assert adamw * 2 == lion * 3 > 0  # two moments and the weights; one and the weights
    checkpoints = sum(run.disk_bytes for run in runs)
    for free, is_enough in ((checkpoints + adamw, True), (checkpoints + adamw - 1, False)):
        monkeypatch.setattr("shutil.disk_usage", lambda path, free=free: type("usage", (), {"free": free}))
        plan = plan_for(version, tmp_path, **changes)
        assert any(f.id == "disk-short" and "make room" in f.fix for f in plan.findings) != is_enough


class Everything:
    """An engine that trains whatever there is, one run at a time."""

    name = "sd-scripts"
    processes = 1
    can_let_go = False
    counts_steps = False

    def unsupported(self, arguments: Mapping[str, Any]) -> list[str]:
        return []

    def unsupported_base(self, base: Found) -> list[str]:
        return []

    def pack_key(self, arguments: Mapping[str, Any]) -> str:
        return str(arguments["output_dir"])

    def command(self, run_folders: Sequence[Path]) -> list[str]:
        return []


def test_each_run_is_trained_by_the_first_engine_that_can(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.ENGINES, "sd-scripts", Everything())
    grid = {
        "optimizer_type": "AdamW,Lion",
        "network_module": "networks.lora,networks.dylora",
        "learning_rate": "1e-4",
    }
    plan = plan_for(version, tmp_path, **grid)
    assert [run.engine for run in plan.runs] == ["packed", "sd-scripts", "packed", "sd-scripts"]
    assert [len(pack) for pack in plan.packs] == [2, 1, 1]
    assert not any(run.reasons for run in plan.runs)
    only = plan_for(version, tmp_path, **grid, engine="packed")
    assert [bool(run.reasons) for run in only.runs] == [False, True, False, True]
    assert [run.digest for run in only.runs] == [run.digest for run in plan.runs]


@pytest.mark.parametrize(
    ("count", "at_once", "sizes"),
    [
        (8, 1, [8]),
        (8, 2, [4, 4]),
        (9, 2, [5, 4]),
        (30, 2, [8, 8, 8, 6]),
        (3, 4, [1, 1, 1]),
        (20, 3, [7, 7, 6]),
    ],
)
def test_gpus_that_train_at_the_same_time_share_the_packs_and_the_time(
    version: Version, count: int, at_once: int, sizes: list[int]
) -> None:
    plan = make_plan(version, settings(version.root, seed=f"1-{count}", pack_size="8"), at_once=at_once)
    assert [len(pack) for pack in plan.packs] == sizes
    seconds = [sum(run.seconds for run in pack) for pack in plan.packs]
    ends = [0.0] * at_once
    for one in seconds:
        ends[ends.index(min(ends))] += one
    assert plan.seconds == pytest.approx(max(ends))
    assert (plan.seconds == pytest.approx(sum(seconds))) == (at_once == 1)


def test_what_no_engine_can_train_says_why_of_each(version: Version, tmp_path: Path) -> None:
    (run,) = plan_for(version, tmp_path, save_model_as="ckpt").runs
    assert any(reason.startswith("packed: ") for reason in run.reasons)
    assert any(reason.startswith("sd-scripts: ") for reason in run.reasons)
