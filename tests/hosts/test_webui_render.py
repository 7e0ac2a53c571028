"""Rendering inside a webui: what was asked for, or an error; and the webui as it was before. In every host's double."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hosts.doubles import RENDERING, install
from hosts.doubles.lora_files import LAYERS, write_lora, wrong
from PIL import Image

from train_tools.hosts import webui_render
from train_tools.hosts.interface import HostError, ModelRefusedError
from train_tools.hosts.webui_lora import FOLDER, sweep
from train_tools.hosts.webui_render import render

WRONG = ("one unknown", "half unknown", "none known", "other shapes", "one other shape")
FORGE_KIND = ("forge", "neo")  # with `forge_additional_modules`


@pytest.fixture(params=RENDERING)
def webui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    return of(request.param, monkeypatch, tmp_path)


def of(host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    return install(monkeypatch, host, folder=tmp_path / "webui").ready()


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    return write_lora(tmp_path / "zorb-000002.safetensors")


def asked(webui: Any, file: Path | None, **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "base_model": str(webui.models / "Stable-diffusion" / "own.safetensors"),
        "lora": str(file) if file else None, "weight_unet": 1.0, "weight_te": 1.0, "prompt": "a zorb",
        "negative_prompt": "", "seed": 1, "steps": 2, "cfg_scale": 5.0, "sampler": "Euler a", "scheduler": "Automatic",
        "clip_skip": 1, "width": 64, "height": 128,
    }  # fmt: skip
    return {**plain, **changes}


def scheduler_of(webui: Any) -> dict[str, str]:
    """Karras, as each webui names it."""
    return {"sampler": "DPM++ 2M", "scheduler": "Karras"}


def colour(png: bytes) -> Any:
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (64, 128)
        return image.convert("RGB").getpixel((0, 0))


def made(png: bytes) -> dict[str, Any]:
    with Image.open(io.BytesIO(png)) as image:
        return dict(json.loads(image.text["train-tools"]))  # type: ignore[attr-defined]


class AsBefore:
    """What the person's webui is like; `check` that it is again."""

    def __init__(self, webui: Any) -> None:
        self.webui = webui
        self.options = dict(webui.opts.data)
        self.colour = webui.own_picture()

    def check(self) -> None:
        assert self.webui.opts.data == self.options, "also those that stood in no file"
        networks = self.webui.networks
        for known in (networks.available_networks, networks.available_network_aliases):
            assert not [name for name in known if "train-tools" in name]
        assert not [path for path in self.webui.folder.rglob("*") if "train-tools" in path.name]
        assert self.webui.state.job == ""
        assert not self.webui.lock.locked()
        assert self.webui.own_picture() == self.colour, "the model's own weights"


@pytest.fixture
def before(webui: Any) -> AsBefore:
    return AsBefore(webui)


def test_a_picture_with_its_infotext(webui: Any, lora: Path, before: AsBefore) -> None:
    png = render(asked(webui, lora, weight_unet=0.5, **scheduler_of(webui)))
    with Image.open(io.BytesIO(png)) as image:
        text = image.text["parameters"]  # type: ignore[attr-defined]
    assert text.startswith("a zorb <lora:train-tools-")
    assert ":1.0:0.5>" in text.split("\n")[0]
    assert "Karras" in text
    before.check()


def test_it_is_the_webuis_own_picture(webui: Any, lora: Path, before: AsBefore) -> None:
    webui.opts.data["CLIP_stop_at_last_layers"] = 1
    (webui.lora_folder / "mine.safetensors").write_bytes(lora.read_bytes())
    assert colour(render(asked(webui, None))) == webui.own_picture()
    assert colour(render(asked(webui, lora, weight_te=0.5))) == webui.own_picture(
        "a zorb <lora:mine:0.5:1.0>"
    )


def test_what_it_was_made_with_is_told(webui: Any, lora: Path) -> None:
    said = made(render(asked(webui, lora, clip_skip=2)))
    assert said["layers"] == [len(LAYERS), len(LAYERS)]
    assert (said["vae"], said["modules"], said["clip_skip"]) == ("", [], 2)
    assert made(render(asked(webui, lora, weight_te=0.0)))["layers"] == [len(LAYERS) - 2, len(LAYERS) - 2]
    assert made(render(asked(webui, lora, weight_te=0.0, weight_unet=0.0)))["layers"] == [0, 0]
    assert made(render(asked(webui, None)))["layers"] is None


def test_everything_that_is_asked_for_counts(webui: Any, lora: Path, before: AsBefore) -> None:
    other = str(webui.add_model("other.safetensors"))
    changes: list[dict[str, Any]] = [
        {}, {"lora": None}, {"weight_unet": 0.5}, {"weight_te": 0.5}, {"prompt": "b"}, {"negative_prompt": "c"},
        {"seed": 2}, {"steps": 3}, {"cfg_scale": 6.0}, {"sampler": "DDIM"}, scheduler_of(webui), {"clip_skip": 2},
        {"base_model": other},
    ]  # fmt: skip
    colours = [colour(render(asked(webui, lora, **change))) for change in changes]
    assert len(set(colours)) == len(colours)
    assert [colour(render(asked(webui, lora, **change))) for change in changes] == colours
    before.check()


def test_a_file_that_was_overwritten_is_another_lora(webui: Any, lora: Path) -> None:
    """The webui would show the old one again: its layers know the name."""
    first = colour(render(asked(webui, lora)))
    os.utime(write_lora(lora, 2), ns=(1, 1))
    second = colour(render(asked(webui, lora)))
    assert first != second
    assert second != colour(render(asked(webui, None)))


def test_two_files_of_one_name_are_two_loras(webui: Any, tmp_path: Path, lora: Path) -> None:
    """As the runs of sd-webui-train-tools have them."""
    (tmp_path / "b").mkdir()
    write_lora(webui.lora_folder / lora.name, 5)
    same_name = write_lora(tmp_path / "b" / lora.name, 3)
    assert colour(render(asked(webui, lora))) != colour(render(asked(webui, same_name)))


def test_other_loras_are_left_out(webui: Any, lora: Path) -> None:
    write_lora(webui.lora_folder / "mine.safetensors", 4)
    plain = colour(render(asked(webui, lora)))
    assert colour(render(asked(webui, lora, prompt="<lora:mine:1:1>a zorb"))) == plain
    webui.opts.data["sd_lora"] = "mine"  # "Add network to prompt" of the webui's settings
    assert colour(render(asked(webui, lora))) == plain
    assert webui.opts.data["sd_lora"] == "mine"


# LoRAs that don't fit


@pytest.mark.parametrize("kind", WRONG)
def test_a_lora_that_doesnt_fit_is_refused_before_the_webui_sees_it(
    webui: Any, tmp_path: Path, lora: Path, before: AsBefore, kind: str
) -> None:
    pictures = webui.pictures
    with pytest.raises(HostError, match=r"of the LoRA's 17 layers don't fit this base model \(lora_"):
        render(asked(webui, wrong(tmp_path / "x.safetensors", kind)))
    assert webui.pictures == pictures
    before.check()
    assert colour(render(asked(webui, lora))) != colour(render(asked(webui, None)))


def test_the_layers_that_dont_fit_are_named(webui: Any, tmp_path: Path) -> None:
    with pytest.raises(
        HostError, match=r"^1 of the LoRA's 17 layers .* \(lora_unet_other_0\); was it trained"
    ):
        render(asked(webui, wrong(tmp_path / "x.safetensors", "one unknown")))
    with pytest.raises(HostError, match=r"^1 of .* \(lora_unet_mid_block_attentions_0_proj_in\)"):
        render(asked(webui, wrong(tmp_path / "y.safetensors", "one other shape")))


def test_a_part_at_weight_0_may_be_unknown(webui: Any, tmp_path: Path) -> None:
    """As a text encoder that the model hasn't; nothing of it is used."""
    file = write_lora(tmp_path / "x.safetensors", layers=[*LAYERS[2:], "lora_te3_encoder_block_0_k"])
    with pytest.raises(HostError, match="lora_te3_encoder_block_0_k"):
        render(asked(webui, file))
    assert made(render(asked(webui, file, weight_te=0.0)))["layers"] == [15, 15]


@pytest.mark.parametrize("kind", WRONG)
def test_what_slips_through_is_counted_and_leaves_clean_weights(
    webui: Any, tmp_path: Path, lora: Path, before: AsBefore, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the layers couldn't be looked at before: another way of keeping weights, another version."""
    file = wrong(tmp_path / "x.safetensors", kind)
    with monkeypatch.context() as blind:
        blind.setattr(webui_render, "refuse_unless_it_fits", lambda *_: None)
        try:
            render(asked(webui, file))
        except HostError as error:
            assert "webui" in str(error)
        else:  # wrong shapes, which some webuis only log, can't be counted
            assert "shape" in kind
    before.check()
    assert colour(render(asked(webui, None))) == colour(render(asked(webui, None, last=True)))
    render(asked(webui, lora))
    before.check()


def test_a_webui_that_fails_in_the_middle_has_clean_weights(
    webui: Any, lora: Path, before: AsBefore, monkeypatch: pytest.MonkeyPatch
) -> None:
    webui.fails = RuntimeError("NansException\nin a tensor")
    with pytest.raises(HostError, match=r"couldn't render: RuntimeError: NansException$"):
        render(asked(webui, lora, last=True))
    webui.fails = None
    before.check()
    render(asked(webui, lora))


def test_svdq_weights_are_told_from_by_the_webuis_own_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lora: Path
) -> None:
    neo = of("neo", monkeypatch, tmp_path)
    neo.nunchaku.nunchaku = True
    model = type("Svdq", (), {"loras": []})()
    neo.data.sd_model.forge_objects_original.unet.model.diffusion_model = model
    assert made(render(asked(neo, lora, weight_te=0.0)))["layers"] == [15, 15]
    with pytest.raises(HostError, match="applied only 15 of the LoRA's 17 layers"):
        render(asked(neo, lora))
    model.loras = ()  # it took nothing
    monkeypatch.setattr(neo, "load_lora_for_models", lambda unet, clip, *_: (unet, clip))
    with pytest.raises(HostError, match="applied only 0 of the LoRA's 15 layers"):
        render(asked(neo, lora, weight_te=0.0))


# Names and files


def test_the_users_lists_of_loras_are_as_before(webui: Any, lora: Path) -> None:
    """Even where the user has the very same file published, and looks for files again meanwhile."""
    networks = webui.networks
    (webui.lora_folder / "published.safetensors").write_bytes(lora.read_bytes())
    networks.list_available_networks()
    names = ("available_networks", "available_network_aliases", "available_network_hash_lookup")
    before = {name: {key: entry.name for key, entry in getattr(networks, name).items()} for name in names}
    for meanwhile in (lambda: None, networks.list_available_networks):
        webui.meanwhile = meanwhile
        render(asked(webui, lora))
        after = {name: {key: entry.name for key, entry in getattr(networks, name).items()} for name in names}
        assert after == before
        assert not set(networks.forbidden_network_aliases) - {"none", "addams"}


@pytest.mark.parametrize("name", [f"train-tools-{2**22 + 1}-{'0' * 20}", f"train-tools-{'a' * 20}"])
def test_what_a_killed_webui_left_is_swept(webui: Any, lora: Path, name: str) -> None:
    """It is listed when the webui starts, and taken for the one that was kept, by its hash."""
    kept = webui.lora_folder / "kept.safetensors"
    kept.write_bytes(lora.read_bytes())
    folders = [Path(folder) for folder in webui.lora_folders()]
    for folder in folders:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        (folder / FOLDER / f"{name}.safetensors").write_bytes(lora.read_bytes())
        (folder / "mine.txt").write_text("a note", encoding="utf-8")
    webui.networks.list_available_networks()
    sweep()
    assert [path.name for folder in folders for path in folder.rglob("*train-tools*")] == []
    assert list(webui.networks.available_networks) == ["kept"]
    (entry,) = webui.networks.available_network_hash_lookup.values()
    assert entry.name == "kept"


def test_a_picture_that_is_made_just_now_is_not_swept(webui: Any, lora: Path) -> None:
    """Reload UI starts the door again."""
    webui.meanwhile = sweep
    assert made(render(asked(webui, lora)))["layers"] == [17, 17]


def test_another_webui_of_the_same_folder_keeps_its_own(webui: Any, lora: Path) -> None:
    folder = webui.lora_folder / FOLDER
    folder.mkdir()
    theirs = folder / f"train-tools-{os.getppid()}-{'0' * 20}.safetensors"
    theirs.write_bytes(lora.read_bytes())
    sweep()
    assert theirs.is_file()


def test_a_lora_that_the_webui_forgot_is_an_error(
    webui: Any, lora: Path, before: AsBefore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as forgetful:
        forgetful.setattr(webui, "on_disk", lambda names: [None] * len(names))
        with pytest.raises(HostError, match=r"applied no LoRA|Lora not found"):
            render(asked(webui, lora))
    good = colour(render(asked(webui, lora)))
    assert good != colour(render(asked(webui, None)))
    before.check()


# Models, options


def test_the_model_is_loaded_and_put_back_after_the_last(webui: Any, lora: Path, before: AsBefore) -> None:
    other = webui.add_model("other.safetensors")  # new since the webui looked
    for seed, last in ((1, False), (2, False), (3, True)):
        render(asked(webui, lora, base_model=str(other), seed=seed, last=last))
    assert webui.loads[:2] == ["own.safetensors", "other.safetensors"]
    before.check()
    assert webui.loaded == "own.safetensors"
    assert webui.loads == ["own.safetensors", "other.safetensors", "own.safetensors"]


def test_the_last_picture_isnt_lost_by_an_error_while_the_own_model_comes_back(
    webui: Any, lora: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = webui.add_model("other.safetensors")
    render(asked(webui, lora, base_model=str(other)))
    broken = webui.add_model("broken.safetensors")
    webui.list_models()
    webui.opts.data["sd_model_checkpoint"] = webui.aliases[broken.name].title
    if webui.NAME in ("Forge", "Forge Neo"):
        webui.refresh_model_loading_parameters()
    png = render(asked(webui, lora, base_model=str(other), seed=2, last=True))
    assert colour(png)
    if webui.NAME not in ("Forge", "Forge Neo"):
        assert "couldn't load its own model again" in capsys.readouterr().out


def test_a_model_that_the_webui_cant_load(webui: Any, lora: Path, before: AsBefore) -> None:
    broken = webui.add_model("broken.safetensors")
    with pytest.raises(HostError, match=r"couldn't load broken.safetensors: \w+Error"):
        render(asked(webui, lora, base_model=str(broken), last=True))
    before.check()
    render(asked(webui, lora))


def test_what_a_person_changes_meanwhile_stays(webui: Any, lora: Path) -> None:
    webui.meanwhile = lambda: webui.opts.data.update(CLIP_stop_at_last_layers=5)
    render(asked(webui, lora))
    assert webui.opts.data["CLIP_stop_at_last_layers"] == 5


@pytest.mark.parametrize("host", FORGE_KIND)
def test_a_model_that_a_person_chooses_meanwhile_is_loaded_next(
    host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lora: Path
) -> None:
    webui = of(host, monkeypatch, tmp_path)
    vae, other = webui.add_vae("ours.safetensors"), webui.add_model("other.safetensors")
    webui.list_models()

    def choose() -> None:
        webui.opts.data["sd_model_checkpoint"] = webui.aliases[other.name].title
        webui.refresh_model_loading_parameters()
        webui.meanwhile = lambda: None

    webui.meanwhile = choose
    render(asked(webui, lora, vae=str(vae)))
    webui.own_picture()
    assert webui.loaded == "other.safetensors"
    assert webui.data.forge_loading_parameters["additional_modules"] == []


def test_a_vae_for_the_picture(webui: Any, lora: Path, before: AsBefore) -> None:
    vae = str(webui.add_vae("other-vae.safetensors"))
    own = colour(render(asked(webui, lora, vae="")))
    webui.own_picture()
    png = render(asked(webui, lora, vae=vae))
    assert made(png)["vae"] == "other-vae.safetensors"
    assert colour(png) != own
    before.check()
    with pytest.raises(HostError, match=r"gone\.safetensors"):
        render(asked(webui, lora, vae="/nowhere/gone.safetensors"))
    before.check()


def test_what_the_webui_has_set_is_told(webui: Any, lora: Path) -> None:
    """The request names none: the person's own decides, and the picture says which."""
    vae = webui.add_vae("mine.safetensors")
    if webui.NAME in ("Forge", "Forge Neo"):
        webui.opts.data["forge_additional_modules"] = [str(vae)]
        webui.refresh_model_loading_parameters()
    else:
        webui.refresh_vae_list()
        webui.opts.data["sd_vae"] = vae.name
        webui.reload_vae_weights()
    assert made(render(asked(webui, lora)))["vae"] == "mine.safetensors"
    assert made(render(asked(webui, lora, vae="")))["vae"] == ""
    assert made(render(asked(webui, lora)))["vae"] == "mine.safetensors"


@pytest.mark.parametrize("host", FORGE_KIND)
def test_text_encoders_for_the_picture(
    host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lora: Path
) -> None:
    webui = of(host, monkeypatch, tmp_path)
    before = AsBefore(webui)
    encoder = webui.models / "text_encoder" / "clip_l.safetensors"
    encoder.parent.mkdir()
    encoder.write_text("x", encoding="utf-8")
    vae = webui.add_vae("ae.safetensors")
    png = render(asked(webui, lora, vae=str(vae), modules=[str(encoder)]))
    assert (made(png)["vae"], made(png)["modules"]) == ("ae.safetensors", ["clip_l.safetensors"])
    before.check()
    webui.opts.data["forge_additional_modules"] = [str(vae), str(encoder)]
    webui.refresh_model_loading_parameters()
    elsewhere = tmp_path / "anywhere.safetensors"  # not in a webui's folder, and its head doesn't tell
    elsewhere.write_text("x", encoding="utf-8")
    png = render(asked(webui, lora, vae=str(elsewhere), modules=[str(encoder)]))
    assert (made(png)["vae"], made(png)["modules"]) == ("anywhere.safetensors", ["clip_l.safetensors"])
    kept = made(render(asked(webui, lora, vae="")))
    assert (kept["vae"], kept["modules"]) == ("", ["clip_l.safetensors"])
    assert webui.opts.data["forge_additional_modules"] == [str(vae), str(encoder)]


@pytest.mark.parametrize("host", ["a1111", "reforge", "classic"])
def test_text_encoders_are_refused_where_there_is_no_choice(
    host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lora: Path
) -> None:
    webui = of(host, monkeypatch, tmp_path)
    with pytest.raises(HostError, match="takes the text encoders from the base model"):
        render(asked(webui, lora, modules=["/a/clip_l.safetensors"]))
    render(asked(webui, lora, modules=[]))


def test_another_text_encoder_that_is_chosen_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lora: Path
) -> None:
    webui = of("reforge", monkeypatch, tmp_path)
    webui.opts.data["sd_text_encoder"] = "TE: other"
    assert made(render(asked(webui, lora)))["modules"] == ["TE: other"]
    with pytest.raises(HostError, match=r"another text encoder .* \(TE: other\); choose Automatic"):
        render(asked(webui, lora, modules=[]))


@pytest.mark.parametrize(("host", "mark", "name"), [
    ("forge", "use_distilled_cfg_scale", "guidance"), ("neo", "use_distilled_cfg_scale", "guidance"),
    ("neo", "use_shift", "shift"),
])  # fmt: skip
def test_guidance_and_shift(
    host: str, mark: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    webui = of(host, monkeypatch, tmp_path)
    setattr(webui.data.sd_model, mark, True)
    default, other = render(asked(webui, None)), render(asked(webui, None, **{name: 1.25}))
    assert (made(default)[name], made(other)[name]) == (3.5, 1.25)
    assert colour(default) != colour(other)


@pytest.mark.parametrize(("name", "words"), [("guidance", "no distilled guidance"), ("shift", "no shift")])
def test_what_a_model_doesnt_take_is_refused(webui: Any, name: str, words: str) -> None:
    with pytest.raises(HostError, match=f"takes {words} for this base model"):
        render(asked(webui, None, **{name: 2.0}))


@pytest.mark.parametrize("name", ["guidance", "shift"])
def test_what_the_family_asks_for_is_left_out_where_the_model_takes_none(webui: Any, name: str) -> None:
    plain = render(asked(webui, None))
    assert colour(render(asked(webui, None, **{name: 2.0}, may_lack=["guidance", "shift"]))) == colour(plain)


def test_a_model_that_predicts_velocity_is_never_drawn_as_one_that_predicts_noise(
    webui: Any, before: AsBefore
) -> None:
    with pytest.raises(ModelRefusedError, match=r"own\.safetensors for a model that predicts noise"):
        render(asked(webui, None, prediction="v"))
    before.check()


@pytest.mark.parametrize("host", RENDERING)
def test_a_model_that_predicts_velocity_is_drawn_where_the_webui_knows_it(
    host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    webui = of(host, monkeypatch, tmp_path)
    webui.velocity, model = True, str(webui.add_model("velocity.safetensors"))
    seen: list[str] = []
    webui.meanwhile = lambda: seen.append(webui.opts.sd_noise_schedule)
    render(asked(webui, None, base_model=model, prediction="v"))
    render(asked(webui, None, base_model=model, prediction="v", zero_snr=True))
    assert seen == ["Default", "Zero Terminal SNR"]
    assert webui.opts.sd_noise_schedule == "Default"


def test_a_size_that_the_webui_doesnt_make_is_told_before(webui: Any, before: AsBefore) -> None:
    pictures = webui.pictures
    made = "128x64" if webui.NAME == "Forge Neo" else "96x72"
    with pytest.raises(HostError, match=f"makes {made} pixels where 100x72 are asked for"):
        render(asked(webui, None, width=100, height=72))
    assert webui.pictures == pictures
    before.check()


def test_pictures_stay_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    neo = of("neo", monkeypatch, tmp_path)
    neo.opts.data["forge_model_mode"] = "api"
    render(asked(neo, None))
    assert neo.sent == 0
    assert neo.opts.data["forge_model_mode"] == "api"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_model": "/gone/other.safetensors"}, "doesn't have the base model /gone/other.safetensors"),
        ({"sampler": "Restart"}, "no sampler 'Restart'; there are: DPM"),
        (
            {"scheduler": "Beta"},
            "no scheduler 'Beta'; there are: Automatic, Karras|no sampler 'Euler a Beta'",
        ),
        ({"lora": "/gone.safetensors"}, "can't be read"),
        ({"colour": "red"}, "has no colour"),
    ],
)
def test_what_isnt_there_is_told(
    webui: Any, lora: Path, before: AsBefore, changes: dict[str, Any], words: str
) -> None:
    pictures = webui.pictures
    with pytest.raises(HostError, match=words):
        render(asked(webui, lora, **changes))
    assert webui.pictures == pictures
    before.check()


def test_a_request_that_lacks_something(webui: Any) -> None:
    with pytest.raises(HostError, match="lacks something"):
        render({"prompt": "a"})


def test_a_damaged_file_is_told(webui: Any, lora: Path) -> None:
    lora.write_bytes(lora.read_bytes()[:100])
    with pytest.raises(HostError, match="can't be read"):
        render(asked(webui, lora))
    assert webui.pictures == 0


def test_an_interrupt_is_an_error(webui: Any, lora: Path, before: AsBefore) -> None:
    webui.meanwhile = webui.state.interrupt
    with pytest.raises(HostError, match="interrupted in the webui"):
        render(asked(webui, lora))
    webui.meanwhile = lambda: None
    before.check()


def test_sdnext_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"pictures through this webui aren't supported"):
        render(asked(install(monkeypatch, "sdnext", folder=tmp_path), None))


def test_outside_of_a_webui(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="isn't a webui"):
        render({**asked_anywhere(), "base_model": str(tmp_path / "x.safetensors")})


def asked_anywhere() -> dict[str, Any]:
    return asked(type("Nowhere", (), {"models": Path()})(), None)
