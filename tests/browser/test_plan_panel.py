"""The Plan panel as a person uses it: settings, the plan beside them, errors, the TOML, the start; two browsers."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from browser.conftest import Complaints, Served
from chosen_base import choose_toy
from engines.sd_scripts import parsers
from execution.fake_engine import write_safetensors
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from train_tools.engines.sd_scripts.installed import ask_now
from train_tools.execution.queue import Queue
from train_tools.planning.plan import make_plan
from train_tools.small_models import base_model_file
from train_tools.ui.routes import plan as routes
from train_tools.workspace import settings
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version, Workspace

PLACE = "#/猫 cat/v1/plan"


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lanes whose workers would have been started."""
    started: list[str] = []
    monkeypatch.setattr(routes, "ensure_worker", lambda _root, lane: started.append(lane))
    return started


@pytest.fixture
def version(served: Served) -> Version:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    made = workspace.create_version("猫 cat", "v1")
    folder = made.processed / "2_mochi"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(folder / f"{number}.png")
    choose_toy(made)
    return made


def opened(page: Page, served: Served) -> Page:
    page.goto(served.url + PLACE)
    expect(page.get_by_role("button", name="Start training")).to_be_visible()
    return page


def saved(version: Version, name: str, text: str | None) -> None:
    """Waits until that stands in version.toml."""
    deadline = time.monotonic() + 120
    while settings.read(version)["training"].get(name) != text and time.monotonic() < deadline:
        time.sleep(0.05)
    assert settings.read(version)["training"].get(name) == text


def runs(page: Page, count: int) -> None:
    expect(page.locator(".big strong").first).to_have_text(str(count))


def test_from_settings_to_the_queue(page: Page, served: Served, version: Version, workers: list[str]) -> None:
    opened(page, served)
    runs(page, 1)
    rate = page.get_by_label("Learning rate", exact=True)
    rate.fill("1e-4，3e-4")  # as a Chinese keyboard has it
    page.get_by_label("Epochs", exact=True).fill("1")
    expect(rate).to_have_value("1e-4,3e-4")
    expect(page.get_by_text("Full-width signs were taken as half-width ones.")).to_be_visible()
    page.get_by_role("button", name="Choose: Optimizer").click()
    page.get_by_role("dialog").get_by_label("Lion", exact=True).check()
    page.get_by_role("dialog").get_by_label("AdamW", exact=True).check()
    page.get_by_role("button", name="Take", exact=True).click()
    expect(page.get_by_label("Optimizer", exact=True)).to_have_value("AdamW, Lion")
    runs(page, 4)
    expect(page.get_by_role("listitem")).to_have_count(4)
    saved(version, "optimizer_type", "AdamW, Lion")
    page.get_by_role("button", name="Start training · 4").click()
    page.get_by_role("button", name="Yes, train on the toy").click()
    expect(page.get_by_text("In the queue: 4 runs")).to_be_visible()
    expect(page.get_by_text("All runs are trained or queued").first).to_be_visible()
    expect(page.get_by_role("listitem").last).to_contain_text("Learning rate 0.0003")
    assert workers == ["gpu"]
    assert len(Queue(served.root).entries()) == 4
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.get_by_role("tab", name="Queue")).to_have_attribute("aria-selected", "true")


def test_a_wrong_value_is_told_at_its_field_and_nowhere_saved(
    page: Page, served: Served, version: Version
) -> None:
    opened(page, served)
    rate = page.get_by_label("Learning rate", exact=True)
    rate.fill("fast")
    expect(rate).to_have_attribute("aria-invalid", "true")
    expect(page.locator('[data-name="learning_rate"] .problem')).to_contain_text("a number")
    expect(page.get_by_role("button", name="Start training")).to_have_count(0)
    page.get_by_label("Epochs", exact=True).fill("2")
    saved(version, "max_train_epochs", "2")
    assert "learning_rate" not in settings.read(version)["training"]
    rate.fill("1e-4")
    expect(rate).to_have_attribute("aria-invalid", "false")
    runs(page, 1)
    saved(version, "learning_rate", "1e-4")
    rate.fill("")
    saved(version, "learning_rate", None)


def test_without_images_it_leads_to_the_data_panel(page: Page, served: Served) -> None:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    workspace.create_version("猫 cat", "v1")
    page.goto(served.url + PLACE)
    page.get_by_role("button", name="Add images").click()
    expect(page.get_by_role("tab", name="Data")).to_have_attribute("aria-selected", "true")


def test_any_setting_is_found_by_searching(page: Page, served: Served, version: Version) -> None:
    opened(page, served)
    search = page.get_by_role("searchbox")
    search.fill("min snr")
    gamma = page.get_by_label("Min-SNR gamma", exact=True)
    gamma.fill("1, 5")
    runs(page, 2)
    search.fill("")
    page.get_by_text("Usual", exact=True).click()
    expect(gamma).to_have_value("1, 5")
    page.get_by_label("Mirror at random", exact=True).select_option(label="both: compare")
    runs(page, 4)
    saved(version, "flip_aug", "true,false")
    page.get_by_role("button", name="Changed: 3").click()
    expect(page.locator(".plan-fields .field:visible")).to_have_count(3)  # and the base model


def test_findings_are_mended_at_a_click_and_back(page: Page, served: Served, version: Version) -> None:
    opened(page, served)
    alpha = page.get_by_label("Alpha", exact=True)
    alpha.fill("64")
    finding = page.locator('[data-id="alpha-above-dim"]')
    finding.get_by_role("button", name="Fix it").click()
    expect(alpha).to_have_value("8")
    expect(finding).to_have_count(0)
    page.get_by_role("button", name="Undo").last.click()
    expect(alpha).to_have_value("64")
    expect(finding).to_have_count(1)


def test_rules_of_combination(page: Page, served: Served, version: Version) -> None:
    opened(page, served)
    page.get_by_label("Learning rate", exact=True).fill("1e-4, 3e-4")
    page.get_by_role("textbox", name="Rank", exact=True).fill("4, 8")
    runs(page, 4)
    page.get_by_text("Combinations", exact=True).click()
    rules = page.locator('[data-level="rules"]')
    rules.get_by_label("Learning rate").check()
    rules.get_by_label("Rank").check()
    rules.get_by_role("button", name="Side by side").click()
    runs(page, 2)
    overrides = rules.locator('[data-name="overrides"]')
    overrides.get_by_role("button", name="Add").click()
    overrides.get_by_label("Where").fill("network_dim=8")
    overrides.get_by_label("Set", exact=True).fill('network_alpha=2 optimizer_args="weight_decay=0.2; x"')
    saved_rule = 'network_dim=8 -> network_alpha=2 optimizer_args="weight_decay=0.2; x"'
    saved(version, "overrides", saved_rule)
    page.reload()
    page.get_by_text("Combinations", exact=True).click()
    expect(overrides.get_by_label("Where")).to_have_value("network_dim=8")
    overrides.get_by_label("Set", exact=True).fill("network_alpha")
    expect(overrides.get_by_role("alert")).to_contain_text("NAME=VALUE")
    overrides.get_by_role("button", name="Remove").click()
    saved(version, "overrides", None)
    exclude = rules.locator('[data-name="exclude"]')
    exclude.get_by_role("button", name="Add").click()
    exclude.get_by_label("Leave out where").fill("network_dim>4")
    runs(page, 1)


def test_a_runs_toml_is_read_and_edited(
    page: Page, served: Served, version: Version, complaints: Complaints
) -> None:
    opened(page, served)
    page.get_by_label("Learning rate", exact=True).fill("1e-4, 3e-4")
    runs(page, 2)
    page.get_by_role("listitem").nth(1).get_by_role("button").click()
    text = page.get_by_label(re.compile("^TOML of"))
    toml = text.input_value()
    assert "learning_rate = 0.0003" in toml
    text.fill(toml.replace("network_dim = 16", "network_dim = many"))
    page.get_by_role("button", name="For this run alone").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("TOML")
    text.fill(toml.replace("network_dim = 16", "network_dim = 24"))
    page.get_by_role("button", name="For this run alone").click()
    expect(page.get_by_text("Rank (network_dim): 16 → 24")).to_be_visible()
    saved(version, "overrides", "learning_rate=0.0003 -> network_dim=24")
    assert [run.arguments["network_dim"] for run in make_plan(version, {}).runs] == [16, 24]
    complaints.found[:] = [said for said in complaints.found if "400" not in said]


def test_presets_and_one_of_ones_own(page: Page, served: Served, version: Version) -> None:
    opened(page, served)
    page.get_by_role("button", name="Presets", exact=True).click()
    page.get_by_role("dialog").get_by_role("checkbox", name=re.compile("^style")).check()
    page.get_by_role("button", name="Take", exact=True).click()
    expect(page.get_by_label("Preset", exact=True)).to_have_value("style")
    expect(page.get_by_role("textbox", name="Rank", exact=True)).to_have_attribute("placeholder", "96")
    page.get_by_label("Epochs", exact=True).fill("3")
    saved(version, "max_train_epochs", "3")
    page.get_by_role("button", name="Presets", exact=True).click()
    page.get_by_role("button", name="Save what is set").click()
    page.get_by_label("Name", exact=True).fill("我的")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("checkbox", name="我的")).to_be_visible()
    page.get_by_role("button", name="Delete preset 我的").click()
    page.get_by_role("button", name="To the trash").click()
    expect(page.get_by_role("checkbox", name="我的")).to_have_count(0)


def test_presets_made_for_the_base_model_come_first(
    page: Page, served: Served, version: Version, tmp_path: Path
) -> None:
    base = tmp_path / "ponyDiffusionV6XL.safetensors"
    write_safetensors(base, {"conditioner.embedders.1.model.ln_final.weight": (8,)})
    settings.update(version, "training", {"pretrained_model_name_or_path": str(base)})
    page.goto(served.url + PLACE)
    page.get_by_role("button", name="Presets", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=3).first).to_have_text("Made for your base model")
    expect(dialog.get_by_role("checkbox").first).to_have_accessible_name(re.compile("^pony Pony Diffusion"))
    expect(dialog.locator(".preset", has_text="Chroma: a subject")).to_contain_text("for Chroma")


def test_an_argument_that_only_the_installed_sd_scripts_has(
    page: Page, served: Served, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {
        "velvet_kind": {"type": "str", "default": "silk", "choices": ["silk", "satin"], "help": "how soft"}
    }
    checkout = parsers.checkout(tmp_path / "newest", more=more)
    monkeypatch.setenv("TRAIN_TOOLS_ENV", str(tmp_path / "env"))
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(checkout))
    ask_now(checkout)
    opened(page, served)
    page.locator('[data-level="expert"] > summary').click()
    expect(page.get_by_role("heading", name="New in the installed sd-scripts")).to_be_visible()
    field = page.get_by_label("Velvet kind", exact=True)
    field.fill("silk, satin")
    saved(version, "velvet_kind", "silk, satin")
    runs(page, 2)


def test_settings_are_taken_over_from_text_and_files(
    page: Page, served: Served, version: Version, tmp_path: Path, complaints: Complaints
) -> None:
    opened(page, served)
    page.get_by_role("button", name="Take over settings").click()
    page.get_by_role("menuitem", name="Paste arguments").click()
    page.get_by_label("Paste arguments").last.fill("--network_dmi 8")
    page.get_by_role("button", name="Read").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("network_dim")
    page.get_by_label("Paste arguments").last.fill(
        '--network_dim 8 --optimizer_args "a=1" "b=2" --output_name x'
    )
    page.get_by_role("button", name="Read").click()
    expect(page.get_by_role("dialog")).to_contain_text("output_name")
    page.get_by_role("button", name="Take these 2").click()
    expect(page.get_by_role("textbox", name="Rank", exact=True)).to_have_value("8")
    saved(version, "optimizer_args", "a=1 b=2")
    lora = tmp_path / "mochi.safetensors"
    head = json.dumps(
        {"__metadata__": {"ss_network_module": "networks.lora", "ss_network_dim": "12"}}
    ).encode()
    lora.write_bytes(len(head).to_bytes(8, "little") + head)
    page.get_by_role("button", name="Take over settings").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="From a file").click()
    chooser.value.set_files(lora)
    page.get_by_role("button", name=re.compile("^Take these")).click()
    saved(version, "network_dim", "12")
    complaints.found[:] = [said for said in complaints.found if "400" not in said]


def test_base_models_are_chosen_from_a_list_or_by_path(page: Page, served: Served, version: Version) -> None:
    folder = served.root / "models" / "Stable-diffusion"
    folder.mkdir(parents=True)
    (folder / "底模.safetensors").write_bytes(base_model_file().read_bytes())
    (folder / "broken.safetensors").write_bytes(b"nothing of a model")
    opened(page, served)
    page.get_by_role("button", name="Choose: Base model").click()
    expect(page.get_by_role("dialog").get_by_label("broken.safetensors")).to_be_disabled()
    page.get_by_role("dialog").get_by_label("The toy that ships").uncheck()
    page.get_by_role("dialog").get_by_label("底模.safetensors").check()
    page.get_by_role("button", name="Take", exact=True).click()
    expect(page.get_by_label("Base model", exact=True)).to_have_value(re.compile("底模"))
    runs(page, 1)
    page.get_by_label("Base model", exact=True).fill("/nowhere/x.safetensors")
    lacking = page.locator(".plan-aside").get_by_role("alert")
    expect(lacking).to_contain_text("/nowhere/x.safetensors isn't on this machine")
    lacking.get_by_role("button", name="Choose a base model").click()
    expect(page.get_by_role("dialog").get_by_label("底模.safetensors")).to_be_enabled()


def test_a_vae_is_offered_from_the_webuis_files(page: Page, served: Served, version: Version) -> None:
    file = served.root / "models" / "VAE" / "sdxl_vae.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    opened(page, served)
    page.get_by_role("searchbox").fill("vae")
    field = page.locator('[data-name="vae"] input')
    field.focus()
    expect(page.locator("#plan-parts-vae option")).to_have_attribute("value", str(file))
    assert field.get_attribute("list") == "plan-parts-vae"


def test_the_other_browser_sees_what_is_saved_and_nothing_is_lost(
    page: Page, browser: Browser, served: Served, version: Version
) -> None:
    opened(page, served)
    other = browser.new_context(locale="en").new_page()
    opened(other, served)
    page.get_by_label("Epochs", exact=True).fill("7")
    saved(version, "max_train_epochs", "7")
    expect(other.get_by_label("Epochs", exact=True)).to_have_value("7")
    expect(other.get_by_text("Changed in another window: Epochs")).to_be_visible()
    # Both change one setting before they hear of each other.
    page.get_by_label("Alpha", exact=True).fill("4")
    other.get_by_label("Alpha", exact=True).fill("2")
    conflict = re.compile("Alpha was set to")
    loser = page if _comes(page, conflict) else other
    winner = other if loser is page else page
    kept = winner.get_by_label("Alpha", exact=True).input_value()
    saved(version, "network_alpha", kept)
    loser.get_by_role("button", name="Keep mine").click()
    saved(version, "network_alpha", "2" if kept == "4" else "4")
    expect(winner.get_by_label("Alpha", exact=True)).to_have_value("2" if kept == "4" else "4")
    other.context.close()


def _comes(page: Page, text: re.Pattern[str]) -> bool:
    page.wait_for_timeout(2500)
    return page.get_by_text(text).count() > 0


def test_what_is_typed_while_images_are_processed_is_saved_after(
    page: Page, served: Served, version: Version, complaints: Complaints
) -> None:
    opened(page, served)
    with writing(version, "processing images"):
        page.get_by_label("Epochs", exact=True).fill("4")
        expect(page.get_by_text("not saved yet")).to_contain_text("processing images")
        runs(page, 1)
    saved(version, "max_train_epochs", "4")
    expect(page.get_by_text("saved", exact=True)).to_be_visible()
    complaints.found[:] = [said for said in complaints.found if "40" not in said]


def test_thousands_of_runs_stay_usable(page: Page, served: Served, version: Version) -> None:
    opened(page, served)
    page.get_by_label("Epochs", exact=True).fill("1")
    page.get_by_role("textbox", name="Rank", exact=True).fill("1-50")
    page.get_by_label("Learning rate", exact=True).fill("1e-5..1e-3 [50]")
    expect(page.locator(".big strong").first).to_have_text("2,500")
    assert page.get_by_role("listitem").count() < 40
    page.get_by_role("button", name="Show all 2,500").click()
    page.locator("#panel").evaluate("node => node.scrollTop = node.scrollHeight")
    expect(page.locator(".run-row .number").filter(has_text="2,500")).to_be_visible()
    page.get_by_role("textbox", name="Rank", exact=True).fill("4")
    runs(page, 50)


def test_chinese_says_as_much(page: Page, served: Served, version: Version) -> None:
    page.goto(served.url + PLACE)
    page.get_by_role("button", name="切换到中文").click()
    expect(page.get_by_label("学习率", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="开始训练 · 1")).to_be_visible()
    page.get_by_role("button", name="学习率 是什么？").click()
    expect(page.locator('[data-name="learning_rate"] .help')).to_contain_text("每一步权重改变的幅度")


def test_prompts_of_the_pictures_come_from_the_captions(page: Page, served: Served, version: Version) -> None:
    for number, text in enumerate(("mochi, cat, sofa", "mochi, cat, grass", "mochi, cat, grass")):
        (version.processed / "2_mochi" / f"{number}.txt").write_text(text, encoding="utf-8")
    opened(page, served)
    card = page.get_by_role("region", name="Pictures of the checkpoints")
    card.get_by_role("button", name="Suggest prompts").click()
    card.get_by_role("button", name="Add: {trigger}, cat, grass", exact=True).click()
    card.get_by_role("button", name="Use all of these").click()
    prompts = card.get_by_label("Prompts, one a line")
    expect(prompts).to_have_value(re.compile(r"^\{trigger\}, cat, grass\n"))
    told = card.get_by_role("status")
    expect(told).to_contain_text("pictures of each checkpoint")
    card.get_by_text("How they are made").click()
    expect(card.get_by_label("Sampling steps", exact=True)).to_have_attribute(
        "placeholder", re.compile("as the family: ")
    )
    card.get_by_label("Seed", exact=True).fill("1, 2, 3")
    expect(told).to_contain_text("12 pictures of each checkpoint")  # 2 prompts × 3 seeds × 2 weights
    with page.expect_response(re.compile("previews/settings")):
        card.get_by_label("Seed", exact=True).fill("1, 2")
        page.get_by_role("tab", name="Compare").click()  # what was typed last is sent on the way
    now = settings.read(version)["preview"]
    assert (now["prompts"][0], now["seed"]) == ("{trigger}, cat, grass", [1, 2])
