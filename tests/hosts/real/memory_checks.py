"""What the webui lends: its memory for a training, its captioners."""

from __future__ import annotations

import io

from hosts.real.picture_checks import expect_same, expect_sentence
from hosts.real.situation import Situation, expect
from PIL import Image

from train_tools.hosts.bridge_client import BridgeClient
from train_tools.hosts.door_settings import MODES, PREFIX
from train_tools.hosts.interface import SHARE, WAIT, HostError

MIB = 1 << 20
SMALL = 500 * MIB
OPTION = PREFIX + "model_while_training"


def memory_waiting(s: Situation) -> str:
    """Memory: the model goes while it is lent, comes back after, and the picture is the same"""
    # To the RAM, where a CPU has it anyway: the process's size tells nothing, so the webui's own lists are asked.
    before, during, after, said = _lent(s, WAIT)
    expect(not said, said)
    return shown(before, during, after)


def memory_shared(s: Situation) -> str:
    """Memory, shared: the model goes, the next picture loads it once"""
    before, during, after, said = _lent(s, SHARE)
    expect(is_freed(s, before - during) or said, f"freed: {shown(before, during, after)}")
    expect(
        after - before < max(SMALL, file_size(s)), f"more is held than before: {shown(before, during, after)}"
    )
    return f"{shown(before, during, after)} {said}"


def _lent(s: Situation, mode: str) -> tuple[int, int, int, str]:
    """Bytes of the webui's process before, meanwhile and after the next picture; what the bridge says of it."""
    words = {mode: words for words, mode in MODES.items()}
    chosen = s.webui.options().get(OPTION, words[WAIT])
    s.webui.set_option(OPTION, words[mode])
    try:
        client = s.webui.bridge()
        s.theirs()
        before = s.webui.memory
        with client.memory_lent() as lent:
            during = s.webui.memory
            seen = getattr(lent, "look", lambda: None)()
            said = getattr(seen, "trouble", "") or s.webui.bridge().capabilities().get("memory") or ""
            if mode == SHARE:
                expect_same(s.theirs(), s.clean, "its picture before, while memory is lent")
        expect_same(s.theirs(), s.clean, "its picture before")
        return before, during, s.webui.memory, said
    finally:
        s.webui.set_option(OPTION, chosen)


def is_freed(s: Situation, size: int) -> bool:
    """Whether it is half of the model, which a CPU has in fp32. Of a small one the process's size tells nothing."""
    return file_size(s) < SMALL or size > file_size(s)


def file_size(s: Situation) -> int:
    return s.webui.checkpoint.stat().st_size


def shown(*sizes: int) -> str:
    return " → ".join(f"{size / MIB:.0f}" for size in sizes) + " MiB"


def captioners(s: Situation) -> str:
    """Captioners: those that are there work or say what is missing, in a sentence, again and again"""
    client = s.webui.bridge()
    found = client.captioners()
    reason = client.capabilities().get("captioners")
    if not found:
        expect(reason, "there are none, and no reason is given")
        return f"none: {reason}"
    told = []
    for kind in found:
        first, second = (_caption(client, kind) for _ in range(2))
        expect(first == second, f"{kind} says at first: {first} – and then: {second}")
        told.append(f"{kind}: {first}")
    expect_same(s.theirs(), s.clean, "its picture before")
    return "; ".join(told)


def _caption(client: BridgeClient, kind: str) -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    try:
        return f"“{client.caption(kind, file.getvalue())}”"
    except HostError as error:
        expect_sentence(str(error))
        return str(error)
