"""What nobody set of a preview is as the base model's family makes pictures well; what a person set stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from preview.heads import model, parts
from preview.samples import settings

from train_tools.preview.base_facts import facts_of
from train_tools.preview.cells import Drawn, Run
from train_tools.preview.choosing import Chooser
from train_tools.preview.drawing import NOT_IN_SHEETS, name_of
from train_tools.preview.plan import plan_cells
from train_tools.preview.renderer import HOST, PACKED
from train_tools.preview.settings import PreviewSettings
from train_tools.preview.vaes import parts_of
from train_tools.preview.ways import by_family, filled_in, ways_of
from train_tools.workspace import toml
from train_tools.workspace.run_folder import read_arguments
from train_tools.workspace.workspace import Version


def made(folder: Path, name: str, renderer: str = PACKED, **changes: Any) -> list[dict[str, Any]]:
    base = model(folder, name)
    run = Run(folder, {"pretrained_model_name_or_path": str(base), "clip_skip": 2})
    return ways_of(PreviewSettings(**changes), facts_of(base, [run])).made(run, Drawn(renderer, "", base))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sdxl", "Euler a, Automatic, 28 steps, 5.5, guidance None, shift None, rescale 0"),
        ("velocity", "Euler, Automatic, 28 steps, 5, guidance None, shift None, rescale 0.7"),
        ("flux dev", "Euler, Simple, 20 steps, 1, guidance 3.5, shift None, rescale 0"),
        ("flux schnell", "Euler, Simple, 4 steps, 1, guidance None, shift None, rescale 0"),
    ],
)  # fmt: skip
def test_each_family_and_version_has_its_own(name: str, words: str, tmp_path: Path) -> None:
    (one,) = made(tmp_path, name)
    assert (
        "{sampler}, {scheduler}, {steps} steps, {cfg_scale:g}, guidance {guidance}, shift {shift}, rescale {rescale:g}"
    ).format(**one) == words


def test_what_a_person_set_stays(tmp_path: Path) -> None:
    chosen = {
        "sampler": ("DPM++ 2M Karras", "DDIM"), "steps": (10,), "cfg_scale": (7.0,), "rescale": (0.0, 0.3),
        "clip_skip": (1,),
    }  # fmt: skip
    found = made(tmp_path, "velocity", **chosen)
    assert {(one["sampler"], one["scheduler"]) for one in found} == {
        ("DPM++ 2M", "Karras"),
        ("DDIM", "Automatic"),
    }
    assert {one["rescale"] for one in found} == {0.0, 0.3}
    assert {(one["steps"], one["cfg_scale"], one["clip_skip"]) for one in found} == {(10, 7.0, 1)}


def test_what_a_model_isnt_told_makes_no_further_picture(tmp_path: Path) -> None:
    chosen = {"guidance": (2.0, 4.0), "shift": (1.0, 3.0), "rescale": (0.3, 0.7)}
    told = {"sdxl": ("rescale", (0.3, 0.7)), "flux schnell": ("shift", (1.0, 3.0))}
    for name, (axis, values) in told.items():
        found = made(tmp_path, name, **chosen)
        assert tuple(one[axis] for one in found) == values, name
    assert {one["guidance"] for one in made(tmp_path, "flux dev", **chosen)} == {2.0, 4.0}


def test_clip_skip_is_as_trained_where_that_means_something(tmp_path: Path, version: Version) -> None:
    assert [one["clip_skip"] for one in made(tmp_path, "sdxl")] == [1]
    for folder in version.trains.iterdir():
        arguments = {**read_arguments(folder), "clip_skip": 2}
        (folder / "run.toml").write_text(toml.dumps(arguments), encoding="utf-8")
    assert {cell.recipe.clip_skip for cell in planned(version)} == {2}


def test_a_webui_draws_velocity_without_rescale_unless_somebody_asked_for_it(tmp_path: Path) -> None:
    name = "velocity"
    assert [one["rescale"] for one in made(tmp_path, name, HOST)] == [0.0]
    assert [one["rescale"] for one in made(tmp_path, name, HOST, rescale=(0.5,))] == [0.5]


def test_a_run_says_what_the_file_doesnt(tmp_path: Path) -> None:
    """It is another picture then, as it is drawn otherwise."""
    base = model(tmp_path, "sdxl")
    run = Run(tmp_path, {"pretrained_model_name_or_path": str(base), "v_parameterization": True})
    facts = facts_of(base, [run])
    assert (facts.prediction, facts.zero_snr, facts.found.pictures.rescale) == ("v", None, 0.7)
    run.arguments["zero_terminal_snr"] = True
    assert facts_of(base, [run]).zero_snr is True
    said = facts_of(model(tmp_path, "velocity"), [run])
    assert (said.prediction, said.zero_snr, said.found.zero_snr) == ("", None, True)
    assert facts_of(model(tmp_path, "flux dev"), [run]).prediction == ""


def test_sizes_are_multiples_of_the_familys_step(tmp_path: Path) -> None:
    flux = ways_of(PreviewSettings(), facts_of(model(tmp_path, "flux dev")))
    xl = ways_of(PreviewSettings(), facts_of(model(tmp_path, "sdxl")))
    assert (flux.sized(1000, 520), flux.sized(8, 8)) == ((992, 512), (16, 16))
    assert xl.sized(1000, 520) == (1000, 520)


def test_text_encoders_are_the_runs_where_it_names_some(tmp_path: Path, version: Version) -> None:
    """Those of Stable Diffusion 3 may lie in its file or apart."""
    files = parts(tmp_path)
    run = Run(tmp_path, {**files, "vae": files["ae"]})
    assert parts_of(run, model(tmp_path, "sd3"), "") == (files["ae"], (files["clip_l"], files["t5xxl"]))
    assert parts_of(Run(tmp_path, {}), model(tmp_path, "flux dev"), "") == (None, None)
    (one, *_) = planned(version)
    assert parts_of(one.checkpoint.run, one.base_model, "") == ("", ())


def planned(version: Version, **changes: Any) -> list[Any]:
    chosen = settings(**changes)
    return plan_cells(version, chosen, Chooser(version, chosen, None)).cells


def test_stable_diffusion_1_is_drawn_as_before_families(version: Version) -> None:
    """The same pictures under the same names, whether the old defaults are written down or nothing is."""
    old = {"sampler": ("DDIM",), "scheduler": ("Automatic",), "steps": (20,), "cfg_scale": (5.0,)}
    empty = dict.fromkeys(old, ())
    written, unset = planned(version, **old), planned(version, **empty)
    assert [cell.key for cell in written] == [cell.key for cell in unset]
    recipes = [cell.recipe for cell in unset]
    names = {name_of(filled_in(settings(**one), recipes), NOT_IN_SHEETS) for one in (old, empty)}
    assert names == {name_of(settings(**old), NOT_IN_SHEETS)}
    assert by_family(settings(**empty), recipes) == {
        "sampler": "DDIM", "scheduler": "Automatic", "steps": "20", "cfg_scale": "5", "guidance": "", "shift": "",
        "rescale": "0",
    }  # fmt: skip


def test_base_models_of_two_families_have_each_its_own(version: Version, tmp_path: Path) -> None:
    other = str(model(tmp_path, "flux dev"))
    cells = planned(version, base_models=("trained", other), steps=(), sampler=(), weights=(0.0,))
    assert {(cell.base_model.stem, cell.recipe.sampler, cell.recipe.steps, cell.recipe.guidance) for cell in cells} == {
        ("random", "DDIM", 20, None), ("flux dev", "Euler", 20, 3.5),
    }  # fmt: skip
    assert by_family(settings(sampler=()), (cell.recipe for cell in cells))["sampler"] == "DDIM, Euler"
