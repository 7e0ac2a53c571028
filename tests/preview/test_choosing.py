"""By what pictures are drawn: by the webui where it has the base model, else by ourselves; one base model by one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import write_safetensors
from preview.heads import checkout, model, parts
from preview.hosts import Bridge
from preview.samples import PROMPTS, settings

from train_tools.base_model.identity import Library
from train_tools.errors import UsageError
from train_tools.hosts.interface import BaseModel, HostError
from train_tools.preview.index import read_index
from train_tools.preview.infotext import infotext
from train_tools.preview.service import PreviewResult, Progress, check, drawn_bases, preview
from train_tools.workspace import toml
from train_tools.workspace.run_folder import read_arguments
from train_tools.workspace.workspace import Version


def render(version: Version, bridge: Bridge | None, **changes: Any) -> tuple[PreviewResult, list[Progress]]:
    heard: list[Progress] = []
    found: list[Bridge] = changes.pop("back", [])
    again = changes.pop("again", False)
    chosen = settings(**{"prompts": PROMPTS[:1], "difference": False, "wait_for_host": 0, **changes})
    result = preview(
        version,
        chosen,
        heard.append,
        bridge=bridge,
        again=again,
        connect=lambda: found.pop(0) if found else None,
    )
    return result, heard


def keys(version: Version, **changes: Any) -> set[str]:
    bridge = changes.pop("bridge", None)
    return {cell.key for cell in check(version, settings(prompts=PROMPTS[:1], **changes), bridge).cells}


def train_with(version: Version, **arguments: str) -> None:
    for folder in version.trains.iterdir():
        (folder / "run.toml").write_text(
            toml.dumps({**read_arguments(folder), **arguments}), encoding="utf-8"
        )


def test_a_model_that_the_webui_lacks_is_drawn_without_it(
    version: Version, base_file: Path, tmp_path: Path
) -> None:
    """One of two base models is the webui's: each has one renderer, at weight 0 too, and cells say which and why."""
    other = tmp_path / "theirs.safetensors"
    data = bytearray(base_file.read_bytes())
    data[len(data) // 2] ^= 1
    other.write_bytes(data)
    bridge = Bridge([other])
    result, _ = render(version, bridge, base_models=("trained", str(other)))
    assert (result.failed, result.renderer) == ([], "diffusers, host")
    ours, theirs = result.drawn
    assert (ours.base_model, ours.renderer) == (base_file, "diffusers")
    assert ours.because == "the webui doesn't have random.safetensors"
    assert (
        theirs.sentence
        == "theirs.safetensors is drawn by AUTOMATIC1111's webui v1.10.1: the webui has this base model"
    )
    by = {(cell.base_model, cell.weight): (cell.renderer, cell.host) for cell in read_index(version).cells}
    assert set(by) == {(str(base), weight) for base in (base_file, other) for weight in (0.0, 1.0)}
    assert all(
        drawn == (("host", theirs.host) if base == str(other) else ("diffusers", "Train Tools"))
        for (base, _), drawn in by.items()
    )
    assert {cell.because for cell in read_index(version).cells} == {ours.because, theirs.because}
    assert {Path(request["base_model"]) for request in bridge.requests} == {other}


def test_the_same_content_under_another_name_is_the_webuis(
    version: Version, base_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "webui" / "as-downloaded.safetensors"
    copy.parent.mkdir()
    shutil.copy(base_file, copy)
    bridge = Bridge([copy])
    result, _ = render(version, bridge, weights=(0.0,))
    assert (result.renderer, result.drawn[0].because) == (
        "host",
        "the webui has this base model as as-downloaded.safetensors",
    )
    assert bridge.requests[0]["base_model"] == str(copy)


def test_a_hash_that_the_webui_knows_is_enough(version: Version, base_file: Path) -> None:
    class Elsewhere(Bridge):
        """On another machine, as in a container with other paths."""

        def base_models(self) -> list[BaseModel]:
            return [
                BaseModel(
                    "x [1234]",
                    Path("/models/x.safetensors"),
                    "",
                    Library(version.root).read(base_file).sha256,
                )
            ]

    bridge = Elsewhere()
    result, _ = render(version, bridge, weights=(0.0,))
    assert (result.renderer, bridge.requests[0]["base_model"]) == ("host", "/models/x.safetensors")


def test_a_model_that_the_webui_cant_load_is_drawn_without_it(version: Version, base_file: Path) -> None:
    bridge = Bridge([base_file], refused=[base_file])
    result, _ = render(version, bridge)
    assert (result.failed, result.rendered, result.renderer) == ([], 4, "diffusers")
    assert len(bridge.requests) == 1
    assert "the webui couldn't load random.safetensors" in result.drawn[0].because
    assert "random.safetensors is drawn by Train Tools: " in result.notes[0]
    assert {cell.renderer for cell in read_index(version).cells} == {"diffusers"}
    render(version, bridge, seed=(2,))
    assert len(bridge.requests) == 1  # it isn't tried each time
    render(version, bridge, seed=(3,), again=True)
    assert len(bridge.requests) == 2  # but when it is asked for
    newer = Bridge([base_file], settings={**bridge.settings, "host": "AUTOMATIC1111's webui v1.11.0"})
    assert render(version, newer, seed=(4,))[0].renderer == "host"


def test_where_the_webui_is_wanted_a_refused_model_is_told_once(version: Version, base_file: Path) -> None:
    bridge = Bridge([base_file], refused=[base_file])
    result, _ = render(version, bridge, renderer="host", prompts=PROMPTS)
    assert result.failed == ["the webui couldn't load random.safetensors: RuntimeError: shapes (8 pictures)"]
    assert len(bridge.requests) == 1


def test_what_fails_without_a_lora_at_once_and_again_is_drawn_by_the_other(
    version: Version, base_file: Path
) -> None:
    class Narrow(Bridge):
        def render(self, request: Mapping[str, Any]) -> bytes:
            self.requests.append(dict(request))
            raise self.error

        error = HostError("this webui makes multiples of 64 pixels")

    bridge = Narrow([base_file])
    result, _ = render(version, bridge)
    assert (result.failed, result.renderer, len(bridge.requests)) == ([], "diffusers", 2)
    assert result.drawn[0].because == "this webui makes multiples of 64 pixels"


def test_a_sampler_that_only_one_has(version: Version, base_file: Path) -> None:
    assert render(version, Bridge([base_file]), sampler=("Restart",), weights=(0.0,))[0].renderer == "host"
    result, _ = render(version, Bridge([base_file]), sampler=("Heun",), weights=(0.0,))
    assert (result.renderer, result.failed) == ("diffusers", [])
    assert result.drawn[0].because.startswith("the webui has no sampler 'Heun'")


def test_a_model_that_nothing_draws_says_each_reason(version: Version, tmp_path: Path) -> None:
    anima = model(tmp_path, "anima")
    result, _ = render(version, Bridge(), base_models=(str(anima),), weights=(0.0,))
    (told,) = result.failed
    assert "the webui doesn't have anima.safetensors" in told
    assert "draw Anima" in told
    assert "sd-scripts, which draws Anima, isn't installed" in told


@pytest.mark.parametrize("given", ["", "file", "host"])
def test_the_vae_is_set_by_the_run_whatever_the_webui_has_chosen(
    version: Version, base_file: Path, tmp_path: Path, given: str
) -> None:
    """Another choice in the webui mixes no board: it is another picture only where the person wants the webui's."""
    vae = tmp_path / "good.vae.safetensors"
    vae.write_bytes(b"weights")
    if given == "file":
        train_with(version, vae=str(vae))
    chosen = {"vae": "host"} if given == "host" else {}
    forge = {
        "host": "Forge f2.0.1",
        "vae": "",
        "modules": ["other.safetensors"],
        "ensd": 0,
        "rng": "GPU",
        "options": {},
    }
    bridge = Bridge([base_file], settings=forge)
    result, _ = render(version, bridge, **chosen)
    asked = {(request.get("vae"), tuple(request.get("modules", ["host's"]))) for request in bridge.requests}
    assert asked == {{"": ("", ()), "file": (str(vae), ()), "host": (None, ("host's",))}[given]}
    assert {cell.vae for cell in read_index(version).cells} == {
        {"": "", "file": "good.vae.safetensors", "host": "other.safetensors"}[given]
    }
    bridge.settings = {**forge, "modules": []}
    result, _ = render(version, bridge, **chosen)
    assert result.rendered == (4 if given == "host" else 0)


def test_keys_name_what_is_in_force_in_the_webui(version: Version, base_file: Path) -> None:
    plain = Bridge([base_file])
    before = keys(version, bridge=plain)
    for changes in (
        {"host": "AUTOMATIC1111's webui v1.9.4"}, {"rng": "CPU"}, {"ensd": 31337}, {"options": {"Emphasis": "No norm"}},
    ):  # fmt: skip
        assert (
            not keys(version, bridge=Bridge([base_file], settings={**plain.settings, **changes})) & before
        ), changes
    assert keys(version, bridge=Bridge([base_file], settings={**plain.settings, "vae": "x.pt"})) == before
    assert not keys(version) & before
    # A webui that was started with an earlier Train Tools tells nothing; its requests stay as they were.
    silent = Bridge([base_file], settings={})
    render(version, silent, weights=(0.0,))
    assert "vae" not in silent.requests[0]


def test_a_webui_that_went_away_is_told_once_and_drawn_without(version: Version, base_file: Path) -> None:
    """All of the base model's pictures are then our own, so that none are compared with the webui's."""
    result, heard = render(version, Bridge([base_file], goes_at=2))
    assert [progress.note for progress in heard if progress.note] == ["the webui went away"]
    assert (result.failed, result.renderer, result.rendered) == ([], "diffusers", 2 + 4)
    assert result.drawn[0].because == "the webui went away"
    assert "the webui went away; Train Tools draws itself what it can" in result.notes[0]
    assert not any(progress.error for progress in heard)
    whole, _ = render(version, Bridge([base_file]))
    assert (whole.renderer, whole.rendered, whole.kept) == ("host", 2, 2)  # where it stopped


def test_where_only_the_webui_may_draw_the_rest_remains(version: Version, base_file: Path) -> None:
    result, heard = render(version, Bridge([base_file], goes_at=2), renderer="host")
    (told,) = result.failed
    assert told.startswith("the webui went away; these pictures remain: start it and run the preview again")
    assert told.endswith("(2 pictures)")
    assert not any(progress.error for progress in heard)
    assert not any(cell.error for cell in read_index(version).cells)
    assert result.rendered == 2
    assert len([cell for cell in read_index(version).cells if cell.image]) >= 2
    whole, _ = render(version, Bridge([base_file]), renderer="host")
    assert (whole.rendered, whole.kept, whole.failed) == (2, 2, [])


def test_a_webui_that_comes_back_goes_on(
    version: Version, base_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train_tools.preview.rendering.LOOK_S", 0.01)
    back = Bridge([base_file])
    result, heard = render(version, Bridge([base_file], goes_at=2), wait_for_host=60, back=[back])
    notes = [progress.note for progress in heard if progress.note]
    assert notes == ["the webui went away; waiting up to 60 s for it", "the webui is there again"]
    assert (result.failed, result.renderer, result.rendered, len(back.requests)) == ([], "host", 4, 2)


def test_one_that_goes_away_at_each_picture_isnt_waited_for_for_ever(
    version: Version, base_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train_tools.preview.rendering.LOOK_S", 0.01)
    dying = [Bridge([base_file], goes_at=0) for _ in range(5)]
    result, _ = render(version, dying[0], wait_for_host=60, back=dying[1:])
    assert (result.renderer, result.failed) == ("diffusers", [])


def test_what_our_own_renderer_doesnt_load_is_drawn_with_sd_scripts(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the files that the run was trained with; what they hold makes the picture."""
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(checkout(tmp_path / "sd-scripts")))
    files = parts(tmp_path)
    train_with(
        version,
        pretrained_model_name_or_path=str(model(tmp_path, "flux dev")),
        network_module="networks.lora_flux",
        **files,
    )
    plan = check(version, settings(prompts=PROMPTS[:1]), Bridge())
    (drawn,) = drawn_bases(plan)
    assert (drawn.renderer, drawn.host, drawn.error) == ("sd-scripts", "sd-scripts", "")
    assert drawn.because == (
        "the webui doesn't have flux dev.safetensors; our own renderer doesn't draw FLUX.1 dev"
    )
    cell = next(cell for cell in plan.cells if cell.recipe.has_lora)
    assert (cell.drawn.vae, cell.drawn.modules) == (files["ae"], (files["clip_l"], files["t5xxl"]))
    last = infotext(cell).splitlines()[-1]
    assert "Schedule type: Simple, CFG scale: 3, Distilled CFG Scale: 3.5, Seed: 1, Size: 64x64, " in last
    assert "Module 1: ae, Module 2: clip_l, Module 3: t5xxl, " in last
    # The same code with other times is the same; another version's isn't.
    code = tmp_path / "sd-scripts" / "library" / "flux_utils.py"
    updated = _keys_after(version, code, "shift = 3")
    assert cell.key not in updated
    assert _keys_after(version, code, "shift = 3") == updated
    assert not updated & _keys_after(version, code, "shift = 2")
    write_safetensors(Path(files["t5xxl"]), {"weight": (4,)})
    assert not {one.key for one in check(version, settings(prompts=PROMPTS[:1])).cells} & {cell.key}
    (other,) = drawn_bases(check(version, settings(renderer="diffusers"), None))
    assert other.error == "our own renderer doesn't draw FLUX.1 dev"


def _keys_after(version: Version, code: Path, text: str) -> set[str]:
    code.parent.mkdir(exist_ok=True)
    code.unlink(missing_ok=True)
    code.write_text(text, encoding="utf-8")
    return {one.key for one in check(version, settings(prompts=PROMPTS[:1])).cells}


def test_another_samplers_name_is_told_before_anything_is_drawn(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(checkout(tmp_path / "sd-scripts")))
    train_with(version, pretrained_model_name_or_path=str(model(tmp_path, "flux dev")), **parts(tmp_path))
    with pytest.raises(UsageError, match="the sampler Euler alone, not Heun"):
        check(version, settings(sampler=("Heun",)))


def test_one_base_models_sampler_is_no_reason_not_to_draw_on_the_other(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(checkout(tmp_path / "sd-scripts")))
    both = ("trained", str(model(tmp_path, "flux dev")))
    result, _ = render(version, None, base_models=both, sampler=("DDIM",), weights=(0.0,))
    assert (result.rendered, len(result.failed)) == (1, 1)
    assert "the sampler Euler alone, not DDIM" in result.failed[0]
