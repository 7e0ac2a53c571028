"""The WD tagger on a small ONNX model of our own, whose tags are the picture's colours."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from captioning.tagger import TAGS, make_tagger  # noqa: E402

from train_tools import cli  # noqa: E402
from train_tools.captioning.interface import Picture  # noqa: E402
from train_tools.captioning.settings import CaptioningSettings  # noqa: E402
from train_tools.captioning.wd import CHARACTER, GENERAL, RATING, Choice, is_kaomoji, made, prepared  # noqa: E402
from train_tools.errors import UsageError  # noqa: E402
from train_tools.workspace.workspace import Version  # noqa: E402


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tagger(tmp_path_factory.mktemp("wd"))


def tags_of(model: Path | str, *images: Image.Image, **values: Any) -> list[str]:
    settings = CaptioningSettings.from_mapping({"captioner": "wd", "wd_model": str(model), **values})
    with made(settings, Path()) as tagger:
        return tagger.caption([Picture(image, "", "") for image in images])


def plain(colour: str, size: tuple[int, int] = (20, 20)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_tags_by_confidence_from_the_true_channels(model: Path) -> None:
    red, blue = tags_of(model, plain("red"), plain("blue"))
    assert red == "red thing, zorb (series), ^_^, long hair"
    assert blue == "blue thing, zorb (series), ^_^, long hair"


def test_padding_is_white_and_around_the_picture(model: Path) -> None:
    pixels = prepared(plain("red", (10, 30)), 30)
    assert pixels[0, 0].tolist() == pixels[29, 29].tolist() == [255, 255, 255]
    assert pixels[0, 15].tolist() == pixels[29, 15].tolist() == [0, 0, 255]
    assert prepared(plain("red", (3, 2)), 16).shape == (16, 16, 3)
    (narrow,) = tags_of(model, plain("black", (2, 30)))
    assert "blue thing" in narrow  # by the white beside it


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"general_threshold": "0.5"}, "red thing, zorb (series), ^_^"),
        ({"character_threshold": "0.9"}, "red thing, ^_^, long hair"),
        ({"use_character_tags": "no"}, "red thing, ^_^, long hair"),
        ({"use_rating_tags": "yes"}, "red thing, zorb (series), ^_^, long hair, explicit"),
        ({"remove_underscore": "no"}, "red_thing, zorb_(series), ^_^, long_hair"),
        ({"undesired_tags": "long_hair, red thing"}, "zorb (series), ^_^"),
        ({"tag_replacement": "long hair=hair,^_^=happy"}, "red thing, zorb (series), happy, hair"),
        ({"tag_replacement": "red thing=it,long_hair=it"}, "it, zorb (series), ^_^"),
    ],
)
def test_choices(model: Path, values: dict[str, str], expected: str) -> None:
    assert tags_of(model, plain("#c00000"), **values) == [expected]


def test_the_likeliest_rating(model: Path) -> None:
    assert tags_of(model, plain("white"), use_rating_tags="yes")[0].endswith("general")


def test_a_model_for_a_fixed_number_of_images(tmp_path: Path) -> None:
    images = [plain(colour) for colour in ("red", "blue", "lime", "red", "blue")]
    fixed, free = make_tagger(tmp_path / "fixed", batch=2), make_tagger(tmp_path / "free")
    assert tags_of(fixed, *images) == tags_of(free, *images)


@pytest.mark.parametrize(
    "name", ["^_^", "0_0", "(o)_(o)", "+_-", "<|>_<|>", "=_=", ">_o", "||_||", "x_x", "3_3", ";)"]
)
def test_faces_keep_their_underscore(name: str) -> None:
    assert is_kaomoji(name)
    assert not any(is_kaomoji(tag) for tag in ("long_hair", "v-neck", "k-on!", "no_bra", "t-shirt_lift"))


def damage_model(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"damaged")


def other_table(folder: Path) -> None:
    (folder / "selected_tags.csv").write_text("a,b\n1,2\n", encoding="utf-8")


def short_table(folder: Path) -> None:
    (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n1,a,0,1\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage_model, "can't be loaded"),
        (other_table, "isn't a WD tagger's table"),
        (short_table, "no WD tagger of the 1 tags"),
        (lambda folder: (folder / "model.onnx").unlink(), r"no model\.onnx in"),
    ],
)
def test_a_wrong_model_says_what_to_do(tmp_path: Path, harm: Any, words: str) -> None:
    folder = make_tagger(tmp_path / "wd")
    harm(folder)
    with pytest.raises(UsageError, match=words) as caught:
        tags_of(folder, plain("red"))
    assert "\n" not in str(caught.value)


def test_as_a_user(processed: Version, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(processed.folder.parents[4])
    command = ["dataset", "caption", "zorb", "v1", "--root", root, "--json"]
    settings = [
        "captioner=wd,filename",
        f"wd_model={model}",
        "use_character_tags=no",
        "general_threshold=0.5",
    ]
    for setting in settings:
        command += ["--set", setting]
    assert cli.main(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["captioner"] == "wd,filename"
    assert [w["caption"] for w in document["written"]] == [
        "zorb, green thing, ^_^, b",
        "zorb, blue thing, ^_^, c",
    ]


def test_a_refused_captioning_changes_no_setting(
    processed: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["dataset", "caption", "zorb", "v1", "--root", str(processed.folder.parents[4])]
    assert cli.main([*command, "--set", "captioner=wd", "--set", "wd_model=./none"]) == 2
    assert "neither a folder nor a hub id" in capsys.readouterr().err
    assert not processed.settings_file.exists() or "wd" not in processed.settings_file.read_text("utf-8")


def listed(path: Path) -> dict[str, Any]:
    return {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "0" * 40}


class Hub(http.server.BaseHTTPRequestHandler):
    """The addresses of a Hugging Face mirror that a download uses."""

    folder: Path
    asked: list[str]
    COMMIT = "0" * 40

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.wfile.write(self.answer())

    def answer(self) -> bytes:
        self.asked.append(f"{self.command} {self.path}")
        name = self.path.rpartition("/")[2]
        files = sorted(self.folder.iterdir())
        if self.path.startswith("/api/models/mine/tagger/revision/"):
            siblings = [{"rfilename": path.name} for path in files]
            data = json.dumps({"id": "mine/tagger", "sha": self.COMMIT, "siblings": siblings}).encode()
        elif self.path.startswith("/api/models/mine/tagger/tree/"):
            data = json.dumps([listed(path) for path in files]).encode()
        elif self.path.startswith("/mine/tagger/resolve/") and (self.folder / name).is_file():
            data = (self.folder / name).read_bytes()
        else:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Repo-Commit", self.COMMIT)
        self.send_header("ETag", f'"{name}"')
        self.end_headers()
        return data

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """A mirror with a tagger; what it serves goes to a cache of the test's own."""
    from huggingface_hub import constants

    class Mine(Hub):
        folder = make_tagger(tmp_path / "served")
        asked: list[str] = []  # noqa: RUF012

    (Mine.folder / "README.md").write_text("not needed", encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield Mine
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_hub_id_comes_from_the_mirror_once(mirror: type[Hub]) -> None:
    assert tags_of("mine/tagger", plain("red"))[0].startswith("red thing")
    assert not any("README" in line for line in mirror.asked)
    mirror.asked.clear()
    assert tags_of("mine/tagger", plain("red"))[0].startswith("red thing")
    assert mirror.asked == []


@pytest.mark.parametrize("name", ["mine/none", "mine/tagger"])
def test_what_cant_be_downloaded_says_what_to_do(
    mirror: type[Hub], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "mine/tagger":  # nobody answers
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match="set HF_ENDPOINT to a mirror, or give a folder") as caught:
        tags_of(name, plain("red"))
    assert "\n" not in str(caught.value)


def test_the_small_model_has_the_categories_of_true_ones() -> None:
    assert {category for _, category in TAGS} == {0, 4, 9}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "solo, saber (fate) (alter), 1girl"),
        ({"character_tags_first": True}, "saber (fate) (alter), solo, 1girl"),
        ({"character_tag_expand": True}, "solo, saber, fate, alter, 1girl"),
        ({"always_first": ("1girl", "1boy")}, "1girl, solo, saber (fate) (alter)"),
        ({"always_first": ("1girl",), "undesired": frozenset(["1girl"])}, "solo, saber (fate) (alter)"),
        (
            {"use_rating_tags": True, "character_tags_first": True},
            "saber (fate) (alter), solo, 1girl, general",
        ),
    ],
)
def test_the_order_of_tags(changes: dict[str, Any], text: str) -> None:
    names = ["general", "1girl", "solo", "saber_(fate)_(alter)", "blonde_hair"]
    categories = [RATING, GENERAL, GENERAL, CHARACTER, GENERAL]
    assert Choice(**changes).texts(names, categories, [0.5, 0.9, 0.99, 0.95, 0.1]) == text
