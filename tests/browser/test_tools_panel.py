"""The Tools panel as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from browser.conftest import Complaints, Served
from playwright.sync_api import Page, expect

from train_tools.environment import program
from train_tools.workspace.trash import delete_version
from train_tools.workspace.workspace import Workspace


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter of the tests counts as the environment."""
    monkeypatch.setenv("TRAIN_TOOLS_ENV", "current")


def test_a_look_around(page: Page, served: Served, complaints: Complaints, tmp_path: Path) -> None:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    for name in ("v1", "v2"):
        workspace.create_version("猫 cat", name)
    delete_version(workspace, "猫 cat", "v2")
    page.goto(served.url + "#/猫 cat/v1/tools")
    section = page.get_by_role("region", name="Training environment")
    expect(section.get_by_text("ready")).to_be_visible()
    expect(page.get_by_role("region", name="Disk").get_by_text("free")).to_be_visible()
    expect(page.get_by_role("region", name="About").get_by_text(str(served.root))).to_be_visible()
    # A proxy that is none, then one.
    proxy = page.get_by_label("Proxy", exact=True)
    proxy.fill("ftp://x")
    proxy.press("Tab")
    expect(page.get_by_role("region", name="Network").get_by_role("alert")).to_contain_text("http")
    proxy.fill("http://127.0.0.1:7890")
    proxy.press("Tab")
    expect(proxy).to_have_attribute("aria-invalid", "false")
    assert program.read(served.root).proxy == "http://127.0.0.1:7890"
    # A LoRA, and what is none.
    head = json.dumps({"__metadata__": {"ss_network_dim": "12", "ss_sd_model_name": "底模"}}).encode()
    lora, other = tmp_path / "mochi.safetensors", tmp_path / "picture.safetensors"
    lora.write_bytes(len(head).to_bytes(8, "little") + head)
    other.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    chooser = page.locator("#lora-file")
    chooser.set_input_files(other)
    expect(page.get_by_text("picture.safetensors is no safetensors file")).to_be_visible()
    chooser.set_input_files(lora)
    expect(
        page.get_by_role("region", name="Look into a LoRA").get_by_text("底模", exact=True)
    ).to_be_visible()
    # Out of the trash, which shows it in the bar.
    page.get_by_role("region", name="Trash").get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("v2")
    page.get_by_role("region", name="Appearance").get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("region", name="Appearance").get_by_role("button", name="中文").click()
    expect(page.get_by_role("region", name="外观")).to_be_visible()
    complaints.found[:] = [said for said in complaints.found if "400" not in said]


def test_tools_are_there_before_any_project(page: Page, served: Served) -> None:
    page.goto(served.url)
    page.get_by_role("tab", name="Tools").click()
    expect(page.get_by_role("region", name="Trash").get_by_text("The trash is empty.")).to_be_visible()
