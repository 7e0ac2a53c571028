"""Models are found where people have them, and the disks are looked through folder by folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from train_tools.base_model import browsing, places
from train_tools.base_model.found import find_models, named
from train_tools.environment import host_record
from train_tools.environment.host_record import HostRecord
from train_tools.errors import UsageError
from train_tools.small_models import base_model_file


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of which nothing is known but what a test puts there."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(host_record, "record_file", lambda: tmp_path / "host.json")
    monkeypatch.setattr(places, "near", lambda _root: [tmp_path / "programs"])
    return tmp_path


def copy(path: Path) -> Path:
    """A file of its own, as links to one are the same model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base_model_file().read_bytes())
    return path


def found_in(root: Path, models: Path | None = None, role: str = places.BASE) -> dict[str, tuple[str, str]]:
    listed = find_models(places.all_places(root, models, role), role)
    return {one.title: (one.kind, one.family_title or one.problem) for one in listed}


def test_the_webuis_comfyuis_added_folders_and_the_cache(machine: Path) -> None:
    webui, comfy, mine = (
        machine / "webui models",
        machine / "programs" / "ComfyUI_windows_portable",
        machine / "模型",
    )
    copy(webui / "Stable-diffusion" / "sub" / "a.safetensors")
    copy(comfy / "ComfyUI" / "models" / "checkpoints" / "b.safetensors")
    copy(machine / "hub" / "models--owner--name" / "snapshots" / "abc" / "c.safetensors")
    copy(mine / "d.safetensors")
    (mine / "notes.safetensors").write_bytes(b"nothing that is known")
    broken = webui / "Stable-diffusion" / "broken.safetensors"
    broken.write_bytes(bytes(range(256)) * 20)
    places.add(machine, mine)
    found = found_in(machine, webui)
    titles = {"sub/a.safetensors", "b.safetensors", "owner/name: c.safetensors", "d.safetensors"}
    assert {title: kind for title, (kind, _) in found.items() if title in titles} == {
        "sub/a.safetensors": "webui", "b.safetensors": "comfyui", "owner/name: c.safetensors": "cache",
        "d.safetensors": "added",
    }  # fmt: skip
    assert {said for title, (_, said) in found.items() if title in titles} == {"Stable Diffusion 1"}
    assert "no safetensors file" in found["broken.safetensors"][1]  # told, as it lies among the base models
    assert set(found) == {*titles, "broken.safetensors"}
    places.remove(machine, mine)
    assert "d.safetensors" not in found_in(machine, webui)
    with pytest.raises(UsageError, match="there is no folder"):
        places.add(machine, machine / "nowhere")


def test_folders_that_comfyuis_own_settings_name(machine: Path) -> None:
    comfy = machine / "programs" / "ComfyUI"
    (comfy / "models").mkdir(parents=True)
    copy(machine / "elsewhere" / "ckpt" / "a.safetensors")
    copy(machine / "elsewhere" / "more" / "b.safetensors")
    (comfy / "extra_model_paths.yaml").write_text(
        f"a111:\n    base_path: {machine / 'elsewhere'}\n    checkpoints: |\n        ckpt\n        more\n    loras: L\n"
    )
    assert set(found_in(machine)) == {"a.safetensors", "b.safetensors"}
    (comfy / "extra_model_paths.yaml").write_text("]: no yaml")
    assert found_in(machine) == {}


def test_one_model_under_two_names_is_one(machine: Path) -> None:
    webui = machine / "models"
    first = copy(webui / "Stable-diffusion" / "a.safetensors")
    (webui / "Stable-diffusion" / "again").symlink_to(webui / "Stable-diffusion", target_is_directory=True)
    (machine / "programs" / "ComfyUI" / "models" / "checkpoints").mkdir(parents=True)
    (machine / "programs" / "ComfyUI" / "models" / "checkpoints" / "b.safetensors").symlink_to(first)
    assert set(found_in(machine, webui)) == {"a.safetensors"}


def test_a_webui_that_doesnt_run_now_is_remembered(machine: Path) -> None:
    copy(machine / "w" / "ckpt" / "a.safetensors")
    (machine / "w" / "models" / "Lora").mkdir(parents=True)
    (machine / "w" / "models" / "Lora" / "l.safetensors").write_bytes(b"x")
    record = HostRecord(
        host="webui", models=str(machine / "w" / "models"), checkpoints=str(machine / "w" / "ckpt")
    )
    host_record.record_file().write_text(json.dumps(asdict(record)))
    assert set(found_in(machine)) == {"a.safetensors"}
    assert set(found_in(machine, role=places.LORA)) == {"l.safetensors"}
    assert places.folder_for_new(places.BASE, machine) == machine / "w" / "ckpt"
    assert places.folder_for_new(places.VAE, machine) == machine / "w" / "models" / "VAE"


def test_a_dropped_file_is_known_by_name_and_size(machine: Path) -> None:
    file = copy(machine / "m" / "Stable-diffusion" / "a.safetensors")
    listed = find_models(places.all_places(machine, machine / "m", places.BASE), places.BASE)
    found = named(listed, "a.safetensors", file.stat().st_size)
    assert found is not None
    assert found.file == file
    assert named(listed, "a.safetensors", 5) is None


def test_a_folder_is_shown_with_what_can_be_chosen(machine: Path) -> None:
    top = machine / "disk"
    (top / "diffusers one").mkdir(parents=True)
    (top / "diffusers one" / "model_index.json").write_text("{}")
    (top / ".hidden").mkdir()
    (top / "B.safetensors").write_bytes(b"12345")
    (top / "notes.txt").write_text("x")
    shown = browsing.listing(top)
    assert [(e.name, e.is_folder, e.is_model, e.bytes) for e in shown.entries] == [
        ("diffusers one", True, True, 0), ("B.safetensors", False, True, 5),
    ]  # fmt: skip
    assert shown.parent == machine
    assert "notes.txt" in [e.name for e in browsing.listing(top, all_files=True).entries]
    with pytest.raises(UsageError, match="there is no folder"):
        browsing.listing(top / "nowhere")


def test_nothing_outside_of_what_is_allowed_is_shown(machine: Path) -> None:
    allowed = machine / "models"
    allowed.mkdir()
    (allowed / "out").symlink_to(machine, target_is_directory=True)
    assert browsing.listing(allowed, [allowed]).parent is None
    for folder in (machine, allowed / "..", allowed / "out", Path("/")):
        with pytest.raises(UsageError, match="outside"):
            browsing.listing(folder, [allowed])
