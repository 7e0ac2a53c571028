"""Pictures: equal to the webui's own, refused where they would be wrong, and nothing is left behind."""

from __future__ import annotations

import re
import signal
import threading

from hosts.real.situation import (
    OWN_LORA,
    OWN_TAG,
    Check,
    FailedError,
    LeftOutError,
    Picture,
    Situation,
    eventually,
    expect,
)

from train_tools.hosts.interface import HostError

APPLIED = re.compile(r"\d+ of (the LoRA's )?\d+")  # in a cell's infotext: how much of the LoRA there is in it


def same_picture(s: Situation) -> str:
    """A preview equals the webui's own txt2img, pixel by pixel"""
    clean, ours = s.clean, s.ours()
    expect_same(ours, clean, "the webui's own")
    return ours.infotext.splitlines()[-1][:120]


def same_picture_with_lora(s: Situation) -> str:
    """With a LoRA at 1 (UNet) and 0.5 (text encoder), too"""
    clean, own = s.clean, s.with_lora
    seen = own.levels_from(clean)
    expect(seen > 8, "the LoRA can't be seen in the webui's own picture")
    expect_same(s.ours("fits"), own, "the webui's own")
    expect_clean(s)
    return f"the LoRA changes {seen} levels of 255"


def refused(name: str) -> Check:
    """A check that a LoRA which doesn't fit is refused, and that the pictures after it are clean."""

    def look(s: Situation) -> str:
        said = _refusal(s, name)
        expect_clean(s)
        return said

    look.__doc__ = f"Refused: a LoRA ({name}); the next pictures are clean"
    return look


def _refusal(s: Situation, name: str) -> str:
    try:
        picture = s.ours(name)
    except HostError as error:
        expect_sentence(str(error))
        return str(error)
    told = APPLIED.search(picture.infotext)
    expect(
        told and name == "4 layers don't fit",
        "a picture came, and nothing says that the LoRA isn't in it, or not whole",
    )
    return f"drawn; the cell says: {told[0] if told else ''}"


def missing_things(s: Situation) -> str:
    """Refused: a base model that isn't there, a LoRA that isn't there"""
    for what, request in (
        ("base model", {"base_model": str(s.folder / "gone.safetensors")}),
        ("LoRA", {"lora": str(s.folder / "gone-lora.safetensors")}),
    ):
        try:
            s.ours(**request)
        except HostError as error:
            expect("gone" in str(error), f"the {what} isn't named: {error}")
            expect_sentence(str(error))
        else:
            raise FailedError(f"a picture came without its {what}")
    expect_clean(s)
    return ""


def other_settings_stay(s: Situation) -> str:
    """A picture with another CLIP skip leaves the webui's next picture as it was"""
    other = s.ours(clip_skip=3 - s.clip_skip)
    expect(other.levels_from(s.clean) > 0, "CLIP skip changed nothing")
    expect_same(s.theirs(), s.clean, "its picture before")
    return ""


def other_base_model(s: Situation) -> str:
    """A picture on another base model is another one, and the webui's own model is back after it"""
    picture = s.ours(base_model=str(s.other_checkpoint))
    expect(picture.levels_from(s.clean) > 0, "it is the picture of the webui's own model")
    expect_clean(s)
    return ""


def options_unchanged(s: Situation) -> str:
    """The webui's settings are as before all these pictures"""
    now = s.webui.options()
    changed = sorted(name for name in {*now, *s.options} if now.get(name) != s.options.get(name))
    expect(
        not changed, "changed: " + ", ".join(f"{n}: {s.options.get(n)!r} → {now.get(n)!r}" for n in changed)
    )
    return f"{len(now)} settings"


def lora_folder_clean(s: Situation) -> str:
    """No temporary LoRA is left in its folder or list"""
    left = [str(path.relative_to(s.webui.loras)) for path in s.webui.loras.rglob("*train-tools*")]
    expect(not left, f"in the folder: {', '.join(left)}")
    listed = [name for name in s.listed_loras() if "train-tools" in name]
    expect(not listed, f"in the list: {', '.join(listed)}")
    expect(OWN_LORA in s.listed_loras(), f"{OWN_LORA} isn't in the list any more: {s.listed_loras()}")
    return ""


def kill_in_preview(s: Situation) -> str:
    """(The webui is killed while it draws with a LoRA)"""

    def ask() -> None:
        try:
            s.ours("fits", steps=150, weight_te=0.75)
        except HostError as error:
            said.append(str(error))

    said: list[str] = []
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    there = eventually(
        lambda: [*s.webui.loras.rglob("train-tools-*.safetensors")] and s.webui.bridge().progress().step,
        120,
        0.05,
    )
    if not there:
        raise LeftOutError("the picture ended before it could be killed")
    s.webui.end(signal.SIGKILL)
    thread.join(120)
    expect(said, "who asked for the picture isn't told that the webui is gone")
    expect_sentence(said[0])
    return said[0]


def swept_after_kill(s: Situation) -> str:
    """Killed in the middle of a preview: after the next start no temporary LoRA is there"""
    lora_folder_clean(s)
    expect_same(s.theirs(OWN_TAG), s.with_lora, "its picture with the LoRA before")
    return ""


def expect_clean(s: Situation) -> None:
    """The webui's own picture and ours, without a LoRA, are what they were at first."""
    expect_same(s.theirs(), s.clean, "its picture before")
    expect_same(s.ours(), s.clean, "its picture before")


def expect_same(picture: Picture, other: Picture, whose: str) -> None:
    levels = picture.levels_from(other)
    expect(levels == 0, f"{levels} of 255 levels off {whose}")


def expect_sentence(text: str) -> None:
    """Not the name of an exception, nor a trace."""
    expect(
        not re.search(r"\b\w+(Error|Exception)\b|Traceback|\[Errno", text) and " " in text,
        f"no sentence: {text}",
    )
