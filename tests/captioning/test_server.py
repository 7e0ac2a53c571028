"""Captions by a vision model on a server, against a stand-in that speaks the same API."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from captioning.chat_server import Answer, Asked, ChatServer, chat_server, error, said
from PIL import Image

from train_tools.captioning.interface import CaptionerGoneError, Picture
from train_tools.captioning.server.address import base_of, host_of, is_near
from train_tools.captioning.server.answers import as_sentence, as_tags, is_refusal
from train_tools.captioning.server.captioner import Asking, ServerCaptioner
from train_tools.captioning.server.client import Client
from train_tools.captioning.server.keys import keep_key, key_of
from train_tools.captioning.service import caption
from train_tools.captioning.settings import CaptioningSettings
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.workspace import Version, Workspace

PICTURE = Picture(Image.new("RGB", (2000, 500), "red"), "a", "zorb")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_RUN_FOLDER", str(tmp_path / "run"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def client(server: ChatServer, **more: Any) -> Client:
    return Client(server.base, first_wait_s=0.01, **more)


def described(server: ChatServer, prompt: str = "sentence", **more: Any) -> str:
    return ServerCaptioner(client(server, **more), Asking("llava:7b", prompt)).describe(PICTURE)


def in_turn(*answers: Answer) -> Callable[[Asked], Answer]:
    waiting = iter(answers)
    return lambda _asked: next(waiting)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
        ("localhost:1234", "http://localhost:1234/v1"),
        ("192.168.1.5:8080/", "http://192.168.1.5:8080/v1"),
        ("api.openai.com", "https://api.openai.com/v1"),
        ("https://x.example/api/v3/chat/completions", "https://x.example/api/v3"),
        ("http://localhost:1234/v1/models", "http://localhost:1234/v1"),
        ("[::1]:1234", "http://[::1]:1234/v1"),
    ],
)
def test_addresses_as_people_give_them(given: str, base: str) -> None:
    assert base_of(given) == base


@pytest.mark.parametrize(
    "given", ["", "ftp://x/v1", "http://", "http://a:b@c/v1", "http://x:99999/v1", "http://[::1/v1"]
)
def test_what_is_no_address_is_a_sentence(given: str) -> None:
    with pytest.raises(UsageError, match="is no address of a server"):
        base_of(given)


def test_which_machines_are_near() -> None:
    near = ["localhost", "127.0.0.1", "10.0.0.3", "nas", "nas.local", "::1"]
    assert [is_near(host) for host in [*near, "api.openai.com", "8.8.8.8"]] == [True] * 6 + [False] * 2


def test_a_key_is_kept_for_its_server_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_key("https://api.openai.com/v1", " sk-1 ")
    keep_key("http://127.0.0.1:1234/v1", "two")
    assert (key_of("https://api.openai.com/v1"), key_of("http://127.0.0.1:8080/v1")) == ("sk-1", "")
    (file,) = (tmp_path / "run").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    keep_key("https://api.openai.com/v1", "")
    assert key_of("https://api.openai.com/v1") == ""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    assert (key_of("https://api.openai.com/v1"), key_of("https://other.example/v1")) == ("sk-env", "")
    assert host_of("https://api.openai.com/v1") == "api.openai.com:443"


def test_a_picture_is_sent_small_with_what_is_asked() -> None:
    with chat_server(models=("b", "llava:7b", "A"), key="secret") as server:
        assert client(server, key="secret").models() == ["A", "b", "llava:7b"]
        asking = Asking("llava:7b", "own", "Describe {concept}.", side=256, max_tokens=50)
        assert ServerCaptioner(client(server, key="secret"), asking).describe(PICTURE) == "a red square"
        (asked,) = server.asked
        assert asked.image.size == (256, 64)
        assert (asked.prompt, asked.body["max_tokens"]) == ("Describe zorb.", 50)
        assert PICTURE.image.size == (2000, 500)


def test_a_server_that_is_busy_is_asked_again() -> None:
    busy = error(429, "Rate limit reached", "rate_limit_exceeded", Retry_After="0.02")
    with chat_server(answer=in_turn(busy, error(503, "loading model"), said("a hat"))) as server:
        assert described(server) == "a hat"
        assert len(server.asked) == 3
    with chat_server(answer=lambda _: busy) as server:
        with pytest.raises(TrainToolsError, match=r"too busy or failed \(429 Rate limit reached"):
            described(server, retries=2)
        assert len(server.asked) == 3


def test_a_server_that_says_nothing_in_time() -> None:
    with chat_server(takes_s=0.6) as server, pytest.raises(TrainToolsError, match="gave no answer within"):
        described(server, timeout_s=0.05, retries=1)


def test_newer_models_of_openai_know_other_parameters() -> None:
    def strict(asked: Asked) -> Answer:
        if "max_tokens" in asked.body:
            return error(
                400,
                "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
                "unsupported_parameter",
            )
        if "temperature" in asked.body:
            return error(
                400,
                "Unsupported value: 'temperature' does not support 0.2 with this model.",
                "unsupported_value",
            )
        return said("a hat")

    with chat_server(answer=strict) as server:
        asking = ServerCaptioner(client(server), Asking("llava:7b", "sentence"))
        assert [asking.describe(PICTURE) for _ in range(2)] == ["a hat"] * 2
        assert len(server.asked) == 4  # what was learnt is kept
        assert server.asked[-1].body["max_completion_tokens"] == 400


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (error(401, "Incorrect API key provided", "invalid_api_key"), "refuses the key"),
        (error(404, 'model "x" not found, try pulling it first'), "doesn't know this model"),
        (error(429, "You exceeded your current quota", "insufficient_quota"), "nothing left to spend"),
        (error(500, "image input is not supported - hint: provide the mmproj"), "doesn't look at pictures"),
        (error(400, "this model is missing data required for image input"), "doesn't look at pictures"),
        ((200, {"choices": []}, {}), "holds no text"),
        (said("", "length"), "no tokens left"),
        (error(400, "the picture is broken"), "refused the picture"),
        (said("I'm sorry, but I can't help with that."), "the model refused"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_sentence_and_asked_once(answer: Answer, sentence: str) -> None:
    with chat_server(answer=lambda _: answer) as server:
        with pytest.raises(TrainToolsError, match=sentence):
            described(server)
        assert len(server.asked) == 1


def test_nobody_answers_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    with pytest.raises(CaptionerGoneError, match="nothing answers at"):
        ServerCaptioner(Client(base, retries=1, first_wait_s=0.01), Asking("m", "tags")).describe(PICTURE)
    with (
        pytest.raises(UsageError, match="nothing answers at"),
        ServerCaptioner(Client(base), Asking("", "tags")),
    ):
        pass


def test_the_only_model_is_taken_and_of_several_one_must_be_chosen() -> None:
    with chat_server() as server, ServerCaptioner(client(server), Asking("", "sentence")) as captioner:
        assert captioner.caption([PICTURE]) == ["a red square"]
    with (
        chat_server(models=("a", "b")) as server,
        pytest.raises(UsageError, match="has 2 models"),
        ServerCaptioner(client(server), Asking("", "tags")),
    ):
        pass


def test_several_at_once_and_no_more() -> None:
    with chat_server(takes_s=0.05) as server:
        captioner = ServerCaptioner(client(server), Asking("llava:7b", "sentence", parallel=3))
        assert sorted(place for place, _ in captioner.stream([PICTURE] * 9)) == list(range(9))
        assert server.most == 3


def test_of_a_batch_that_failed_nothing_is_asked_twice() -> None:
    answers = itertools.chain(
        [said("one"), error(400, "broken"), said("three")], itertools.repeat(said("two"))
    )
    pictures = [Picture(PICTURE.image, str(n), "zorb") for n in range(3)]
    with chat_server(answer=lambda _: next(answers)) as server:
        captioner = ServerCaptioner(client(server), Asking("llava:7b", "sentence", parallel=1))
        with pytest.raises(TrainToolsError, match="broken"):
            captioner.caption(pictures)
        assert captioner.caption(pictures) == ["one", "two", "three"]
        assert len(server.asked) == 4


def make_version(root: Path, captions: dict[str, str | None]) -> Version:
    workspace = Workspace(root)
    workspace.create_project("zorb")
    version = workspace.create_version("zorb", "v1")
    folder = version.processed / "3_zorb"
    folder.mkdir(parents=True)
    for name, text in captions.items():
        Image.new("RGB", (32, 32), "red").save(folder / f"{name}.png")
        if text is not None:
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return version


def settings(server: ChatServer, **more: str) -> CaptioningSettings:
    given = {
        "captioner": "openai",
        "server": server.base,
        "server_model": "llava:7b",
        "prefix": "{concept}",
        "server_retries": "0",
    }
    return CaptioningSettings.from_mapping({**given, **more})


def test_a_version_is_captioned_and_a_failure_costs_its_image_alone(tmp_path: Path) -> None:
    version = make_version(tmp_path, {"a": None, "b": None, "c": "there"})
    answers = itertools.cycle([said("**Tags:** Red_Hat, blue sky."), error(400, "broken")])
    with chat_server(answer=lambda _: next(answers)) as server:
        report = caption(version, settings(server, server_prompt="tags", server_parallel="1"))
    assert [(one.name, one.caption) for one in report.written] == [("a.png", "zorb, Red Hat, blue sky")]
    assert [(one.name, "broken" in one.reason) for one in report.failed] == [("b.png", True)]
    assert report.kept == 1


def test_the_chosen_images_alone(tmp_path: Path) -> None:
    version = make_version(tmp_path, {"a, b": None, "c": None})
    with chat_server() as server:
        report = caption(version, settings(server, only="3_zorb/a, b.png|3_zorb/gone.png"))
        assert [one.name for one in report.written] == ["a, b.png"]
        with pytest.raises(UsageError, match="choose again"):
            caption(version, settings(server, only="3_zorb/gone.png"))


def test_a_job_that_was_cut_off_pays_for_no_image_twice(tmp_path: Path) -> None:
    version = make_version(tmp_path, {"a": "old", "b": "old", "c": "old"})
    log = tmp_path / "captioned.txt"
    gone = in_turn(said("one"), error(401, "expired"))
    with chat_server(answer=gone) as server, pytest.raises(CaptionerGoneError, match="refuses the key"):
        caption(version, settings(server, existing="ignore", server_parallel="1"), log=log)
    with chat_server() as server:
        report = caption(version, settings(server, existing="ignore"), log=log)
        assert len(server.asked) == 2
    assert sorted(one.name for one in report.written) == ["b.png", "c.png"]


def test_what_is_set_is_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address of a server"):
        CaptioningSettings.from_mapping({"captioner": "openai", "server": "ftp://x"})
    with pytest.raises(UsageError, match="server_own_prompt is empty"):
        CaptioningSettings.from_mapping({"captioner": "openai", "server_prompt": "own"})
    version = make_version(tmp_path, {"a": None})
    (tmp_path / "train_tools" / "program.toml").write_text("offline = true\n")
    with pytest.raises(UsageError, match="offline mode"):
        caption(
            version,
            CaptioningSettings.from_mapping({"captioner": "openai", "server": "https://api.openai.com/v1"}),
        )


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("A cat on a red chair.", "A cat on a red chair."),
        ("Sure! Here's a caption for it:\n\n**\"A cat.\"**\n\nLet me know if you want more!", "A cat."),
        ("<think>It is a cat: maybe</think>\n\nCaption: A cat.", "A cat."),
        ("thinking without a start</think> A cat.", "A cat."),
        ("```text\nA cat,\nsitting.\n```", "A cat, sitting."),
        ("# Description\nA *small* cat.", "Description A small cat."),
        ("好的，以下是描述：一只猫坐在椅子上。", "一只猫坐在椅子上。"),
        ("The image shows a sign: no dogs", "The image shows a sign: no dogs"),
        ("\u201cA cat.\u201d<|im_end|>", "A cat."),
        ('"Hello" says the sign beside a "cat"', '"Hello" says the sign beside a "cat"'),
    ],
)  # fmt: skip
def test_sentences_without_what_models_say_around_them(answer: str, text: str) -> None:
    assert as_sentence(answer) == text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("1girl, solo, long_hair, ^_^", "1girl, solo, long hair, ^_^"),
        ("Tags: 1girl, Solo, solo.", "1girl, Solo"),
        ("Here are the tags:\n1. 1girl\n2. long hair\n3. red dress", "1girl, long hair, red dress"),
        ("- **1girl**\n- `hat`\n* sky", "1girl, hat, sky"),
        ("**Clothes:** red dress, hat\n**Place:** beach", "red dress, hat, beach"),
        ("1girl，长发、蓝天；帽子。", "1girl, 长发, 蓝天, 帽子"),
        ("#cat, #dog", "cat, dog"),
        ("hat, " + "very long words " * 10, "hat"),
    ],
)
def test_tags_without_lists_numbers_and_quotes(answer: str, text: str) -> None:
    assert as_tags(answer, remove_underscore=True) == text


def test_refusals() -> None:
    refused = [
        "I'm sorry, but I can't assist.",
        "I cannot describe people.",
        "抱歉，我无法描述。",
        "As an AI, I",
    ]
    assert all(map(is_refusal, refused))
    assert not any(map(is_refusal, ["A sorry cat.", "I love NY sign on a wall", "1girl, sorry"]))
