"""A newcomer's real choices: a base model and a captioner that are not here yet; and dead ends that lead on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.conftest import Served
from environment.files_server import Files, serving
from PIL import Image
from playwright.sync_api import Page, expect

from train_tools.base_model import places
from train_tools.environment import host_record
from train_tools.environment.process import ALL_PROXIES, OFFLINE
from train_tools.environment.program import change
from train_tools.small_models import base_model_file
from train_tools.workspace.settings import read
from train_tools.workspace.workspace import Version, Workspace

FETCHED_MS = 60_000  # a job starts a process


@pytest.fixture
def hub(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """A hub with one base model and one tagger; nothing of this machine's own models."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TRAIN_TOOLS_ENV", "current")
    monkeypatch.setattr(host_record, "record_file", lambda: tmp_path / "host.json")
    monkeypatch.setattr(places, "near", lambda _root: [])
    with serving() as files:
        change(served.root, {"hugging_face": files.address, "github": "off", "proxy": "off"})
        for name in ("HF_ENDPOINT", "NO_PROXY", "no_proxy", *OFFLINE, *ALL_PROXIES):
            monkeypatch.setenv(name, "")
        for model, content in {
            "me/anime": {"anime.safetensors": base_model_file().read_bytes()},
            "SmilingWolf/wd-swinv2-tagger-v3": {"model.onnx": b"x" * 9000, "selected_tags.csv": b"name\n"},
        }.items():
            siblings = [{"rfilename": name, "size": len(data)} for name, data in content.items()]
            listing = json.dumps({"sha": "main", "siblings": siblings}).encode()
            files.content[f"/api/models/{model}/revision/main"] = listing
            files.content |= {f"/{model}/resolve/main/{name}": data for name, data in content.items()}
        yield files


@pytest.fixture
def version(served: Served) -> Version:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    made = workspace.create_version("猫 cat", "v1")
    made.origin.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64)).save(made.origin / "0.png")
    return made


def process(version: Version) -> None:
    folder = version.processed / "2_mochi"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "0.png")


def test_a_newcomer_chooses_a_base_model_and_a_captioner(
    page: Page, served: Served, version: Version, hub: Files
) -> None:
    page.goto(served.url + "#/猫 cat/v1/plan")
    page.get_by_role("button", name="To Process").click()
    expect(page.get_by_role("tab", name="Data")).to_have_attribute("aria-selected", "true")
    process(version)
    page.get_by_role("tab", name="Plan").click()
    expect(page.get_by_role("button", name="Start training")).to_have_count(0)

    # Nothing is here: a hub id, its size, the download, and the field.
    page.get_by_role("button", name="Choose a base model").click()
    dialog = page.get_by_role("dialog", name="Base model")
    expect(dialog.get_by_text("No model was found on this machine.")).to_be_visible()
    expect(dialog.get_by_role("button", name="Download (6.9 GB)").first).to_be_visible()
    asked = dialog.get_by_label("Another one: path, Hugging Face id or address")
    asked.fill(r"D:\models\none.safetensors")
    asked.press("Enter")
    expect(dialog.get_by_text("on this machine; give a path")).to_be_visible()
    asked.fill("me/anime")
    asked.press("Enter")
    dialog.get_by_role("button", name="Download (22 MB)").click()
    chosen = dialog.get_by_role("checkbox", name="anime.safetensors")
    expect(chosen).to_be_checked(timeout=FETCHED_MS)
    dialog.get_by_role("button", name="Take", exact=True).click()
    file = served.root / "models" / "Stable-diffusion" / "anime.safetensors"
    expect(page.get_by_label("Base model", exact=True)).to_have_value(str(file))
    expect(page.get_by_role("button", name="Start training · 1")).to_be_visible()
    expect(page.locator('[data-id="shipped-model"]')).to_have_count(0)

    # The disks, for another path; the chooser again finds the file by itself.
    page.get_by_role("button", name="Choose: Base model").click()
    expect(dialog.get_by_role("checkbox", name="anime.safetensors")).to_be_checked()
    dialog.get_by_role("button", name="Browse the disks").click()
    disks = page.get_by_role("dialog", name="Browse the disks")
    disks.get_by_role("button", name="Stable-diffusion").click()
    expect(disks.get_by_role("radio", name="anime.safetensors")).to_be_visible()
    disks.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("checkbox", name="anime.safetensors").uncheck()
    dialog.get_by_role("checkbox", name="The toy that ships").check()
    dialog.get_by_role("button", name="Take", exact=True).click()
    page.locator('[data-id="shipped-model"]').get_by_role("button", name="Choose a base model").click()
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Start training · 1").click()
    page.get_by_role("dialog", name="Train on the toy?").get_by_role("button", name="Cancel").click()

    page.get_by_role("tab", name="Captions").click()
    page.get_by_role("button", name="Caption automatically").click()
    captioner = page.get_by_role("dialog", name="Caption automatically")
    expect(captioner.get_by_role("checkbox", checked=True)).to_have_count(0)
    captioner.get_by_role("checkbox", name="WD tagger").check()
    captioner.get_by_role("button", name="Start").click()
    expect(captioner.get_by_text("First download the model of WD tagger (467 MB).")).to_be_visible()
    captioner.get_by_role("button", name="Download (467 MB)").click()
    expect(captioner.get_by_role("button", name="Download (467 MB)")).to_have_count(0, timeout=FETCHED_MS)
    expect(captioner.get_by_role("checkbox", name="WD tagger")).to_be_checked()
    captioner.get_by_role("checkbox", name="WD tagger").uncheck()
    captioner.get_by_role("checkbox", name="Toy: coloured shapes").check()
    captioner.get_by_role("button", name="Start").click()
    page.get_by_role("dialog", name="Caption with the toy?").get_by_role("button", name="Cancel").click()
    expect(captioner.get_by_text("Then choose another captioner.")).to_be_visible()
    captioner.get_by_role("button", name="Cancel").click()
    assert "captioner" not in read(version)["captioning"]
    page.get_by_role("button", name="Caption automatically").click()
    expect(captioner.get_by_role("checkbox", name="WD tagger")).to_be_checked()  # it is here now
