"""The plan says before the training that pictures couldn't be drawn, and why by each renderer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from preview.heads import checkout, model, parts
from preview.hosts import Bridge

from train_tools import cli
from train_tools.planning.findings import Finding
from train_tools.planning.plan import make_plan
from train_tools.preview.before_training import NO_PICTURES, with_pictures
from train_tools.workspace import toml
from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """Of FLUX.1, with all its files and an sd-scripts that trains it."""
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(checkout(tmp_path / "sd-scripts")))
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    made = workspace.create_version("zorb", "v1")
    (made.processed / "5_zorb").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(made.processed / "5_zorb" / "a.png")
    write(made)
    return made


def write(version: Version, **preview: object) -> None:
    folder = version.root
    training = {"pretrained_model_name_or_path": str(model(folder, "flux dev")), **parts(folder)}
    text = toml.dumps({"training": {**training, "learning_rate": "1e-4,2e-4"}, "preview": preview})
    version.settings_file.write_text(text, encoding="utf-8")


def said(version: Version, bridge: Bridge | None = None) -> list[Finding]:
    plan = with_pictures(version, make_plan(version, {}), lambda: bridge)
    assert not any(run.reasons for run in plan.runs)
    return [finding for finding in plan.findings if finding.id == NO_PICTURES]


def test_what_can_be_drawn_is_no_news(version: Version) -> None:
    assert said(version) == []


def test_each_renderers_reason_is_told(version: Version) -> None:
    write(version, sampler="DDIM")
    (finding,) = said(version)
    assert (finding.severity, finding.runs) == ("advice", 2)
    assert finding.sentence == (
        "no pictures of them can be drawn on flux dev.safetensors: no webui runs; our own renderer doesn't draw FLUX.1 "
        "dev; sd-scripts draws FLUX.1 with the sampler Euler alone, not DDIM; set sampler=Euler"
    )
    (other,) = said(version, Bridge())
    assert "the webui doesn't have flux dev.safetensors; our own renderer" in other.sentence


def test_a_webui_that_has_the_model_can(version: Version) -> None:
    write(version, sampler="DDIM")
    flux = version.root / "flux dev.safetensors"
    assert said(version, Bridge([flux])) == []
    write(version, sampler="Heun")
    (finding,) = said(version, Bridge([flux]))
    assert "the webui has no sampler 'Heun'" in finding.sentence


def test_a_renderer_that_somebody_chose_is_the_only_one_asked(version: Version) -> None:
    write(version, renderer="diffusers")
    (finding,) = said(version, Bridge([version.root / "flux dev.safetensors"]))
    assert finding.sentence.endswith("renderer = diffusers; our own renderer doesn't draw FLUX.1 dev")


def test_the_plan_command_tells_it(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    write(version, sampler="DDIM")
    assert cli.main(["plan", "zorb", "v1", "--root", str(version.root), "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert NO_PICTURES in [finding["id"] for finding in findings]
