"""What must be true while a batch trains: pictures are asked for meanwhile, the webui is started or loaded anew."""

from __future__ import annotations

import signal

from hosts.real.picture_checks import expect_same
from hosts.real.situation import (
    OWN_LORA,
    PROJECT,
    VERSION,
    LeftOutError,
    Situation,
    WaitingPicture,
    eventually,
    expect,
)

from train_tools.hosts import bridge_file

WORD = "Train Tools"  # in the text above a picture that waits


def begins(s: Situation) -> str:
    """A batch begins, and the webui says so"""
    s.training  # noqa: B018 - it begins
    state = eventually(lambda: found if (found := s.webui.state())["trainings"] else {})
    expect(state, f"the door says: {s.webui.state()}")
    return str(state)


def picture_waits(s: Situation, name: str = "waits") -> str:
    """A picture that is asked for meanwhile waits, and its progress line says why"""
    picture = WaitingPicture(s, name)
    text = eventually(lambda: found if WORD in (found := picture.text()) else "", 30)
    expect(not picture.came(0), "the picture was drawn beside the training")
    expect(text, f"it waits; the webui's line says only: {picture.text()!r}")
    _answer(s, picture)
    return text


def _answer(s: Situation, picture: WaitingPicture) -> None:
    """Pauses the training as the notice's button does."""
    answer = s.webui.post("/train_tools/_door/pause")
    if answer.status_code != 200:
        s.training.command("queue", "pause", may_fail=True)
        picture.came(600)
        s.training.command("queue", "resume", may_fail=True)
        expect(False, f"the webui can't pause the training ({answer.status_code})")
    expect(picture.came(600), f"the picture didn't come after the training was paused: {picture.answer}")


def goes_on(s: Situation) -> str:
    """After the picture the training goes on when it is told to"""
    answer = s.webui.post("/train_tools/_door/go_on")
    expect(answer.status_code == 200, f"the webui can't tell it to ({answer.status_code})")
    expect(s.training.moves(300), f"no step is done: {s.training.command('queue', 'list')[-200:]}")
    return f"step {s.training.step()}"


def reloads(s: Situation) -> str:
    """Reload UI in the middle: the webui still knows of the training, and a picture still waits and says why"""
    address = bridge_file.read(s.webui.root)
    with s.browser() as view:
        # It is on a tab that isn't shown.
        view.locator("#settings_restart_gradio").evaluate("button => button.click()")
        view.wait_for_timeout(5000)
    expect(
        eventually(lambda: bridge_file.read(s.webui.root) not in (None, address), 120),
        "the bridge didn't start anew",
    )
    return _still(s, "reloaded")


def restarts(s: Situation) -> str:
    """The webui killed and started anew in the middle: it knows of the training, and a picture waits and says why"""
    s.webui.end(signal.SIGKILL)
    expect(s.training.moves(120), "the training ended with the webui")
    s.webui.start()
    return _still(s, "restarted")


def _still(s: Situation, name: str) -> str:
    state = eventually(lambda: found if (found := s.webui.state())["trainings"] else {})
    expect(state, f"the door says: {s.webui.state()}")
    text = picture_waits(s, name)
    goes_on(s)
    return text


def ends(s: Situation) -> str:
    """After the batch: the notice's state is gone, the webui draws as before"""
    s.training.cancel()
    expect(eventually(lambda: not s.webui.state()["trainings"]), f"the door says: {s.webui.state()}")
    expect_same(s.theirs(), s.clean, "its picture before")
    return ""


def drawn_without_it(s: Situation) -> str:
    """A run whose base model the webui lacks is drawn without the webui, and it says so"""
    if not s.training.checkpoints():
        raise LeftOutError("the training was too short for a checkpoint")
    said = s.training.command(
        "preview", PROJECT, VERSION, "--set", "checkpoints=last", "--set", "weights=1", "--set", "steps=2",
        "--set", "width=64", "--set", "height=64", "--set", "cfg_scale=2",
    )  # fmt: skip
    return " ".join(line.strip() for line in said.splitlines()[-3:])[:200]


def published(s: Situation) -> str:
    """What is published from the command line is in the webui's list at once"""
    found = s.training.checkpoints()
    if not found:
        raise LeftOutError("the training was too short for a checkpoint")
    s.training.command(
        "publish", PROJECT, VERSION, found[0].name, "--to", str(s.webui.loras), "--name", "kept-one"
    )
    expect("kept-one" in s.listed_loras(), f"the list has {s.listed_loras()}")
    expect(OWN_LORA in s.listed_loras(), "another LoRA is gone from the list")
    return ""
