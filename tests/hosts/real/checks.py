"""What must be true in a real webui where nothing trains: one function a check. Its first line is the row's title; it
returns what is worth telling, and raises FailedError, or LeftOutError where it can't be looked at.
"""

from __future__ import annotations

import io
import re
import signal
import socket
import threading

import httpx
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
from hosts.real.webui import config_of
from PIL import Image

from train_tools.hosts import bridge_file
from train_tools.hosts.bridge_client import BridgeClient
from train_tools.hosts.interface import HostError

MIB = 1 << 20
NAMES = {"AUTOMATIC1111": r"AUTOMATIC1111", "Forge": r"^Forge$|^Forge\b(?!.*(Neo|Classic))", "reForge": r"reForge",
         "Neo": r"Neo", "Classic": r"Classic"}  # fmt: skip
APPLIED = re.compile(r"\d+ of (the LoRA's )?\d+")  # in a cell's infotext: how much of the LoRA there is in it


def recognised(s: Situation) -> str:
    """The webui is recognised by name and version"""
    client = s.webui.bridge()
    said = f"{client.name} {client.version}".strip()
    expect(
        re.search(NAMES[s.webui.installed.kind], client.name),
        f"this is {s.webui.installed.kind}; we say: {said}",
    )
    expect(client.version or s.webui.installed.kind == "AUTOMATIC1111", f"no version: {said}")
    return f"{said}; started in {s.webui.seconds:.0f} s"


def packages_unchanged(s: Situation) -> str:
    """The webui's packages are as before"""
    now = s.webui.installed.packages()
    expect(now == s.packages, "packages differ from before")
    return f"{now.count('==')} packages"


def tab(s: Situation) -> str:
    """The tab Train Tools is in its page"""
    ids = [str((c.get("props") or {}).get("elem_id")) for c in config_of(s.webui)["components"]]
    expect("tab_train_tools" in ids, "gradio's page has no tab_train_tools")
    return ""


def page(s: Situation) -> str:
    """Our page answers behind it"""
    answer = s.webui.get("/train_tools/")
    expect(answer.status_code == 200, f"/train_tools/ answers {answer.status_code}")
    expect("app.js" in answer.text, "the page's server isn't there: the small page came instead")
    session = s.webui.get("/train_tools/api/session")
    expect(
        session.status_code == 200,
        f"/train_tools/api/session answers {session.status_code}: {session.text[:200]}",
    )
    return ""


def tab_in_browser(s: Situation) -> str:
    """A person who opens the tab sees the panels"""
    with s.browser() as view:
        view.locator("#tabs > .tab-nav button, #tabs [role=tab]").filter(has_text="Train Tools").first.click()
        view.frame_locator("#train_tools_frame").get_by_role("tab", name="Data").wait_for()
    return ""


def models_listed(s: Situation) -> str:
    """Base models, samplers and schedulers come through the bridge"""
    client = s.webui.bridge()
    files = [model.file.name for model in client.base_models()]
    expect(s.webui.checkpoint.name in files, f"{s.webui.checkpoint.name} isn't among {files}")
    expect("Euler" in client.samplers(), "no sampler Euler")
    without = [f"{name}: {reason}" for name, reason in client.capabilities().items() if reason]
    return f"{len(client.samplers())} samplers, {len(client.schedulers())} schedulers; without {'; '.join(without) or 'nothing'}"


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
    skip = int(s.webui.options().get("CLIP_stop_at_last_layers") or 1)
    other = s.ours(clip_skip=3 - skip)
    expect(other.levels_from(s.clean) > 0, "CLIP skip changed nothing")
    expect_same(s.theirs(), s.clean, "its picture before")
    return ""


def options_unchanged(s: Situation) -> str:
    """The webui's settings are as before all these pictures"""
    now = s.webui.options()
    changed = sorted(name for name in {*now, *s.options} if now.get(name) != s.options.get(name))
    # A webui writes down itself which model it has loaded, and its hash.
    changed = [name for name in changed if name not in ("sd_checkpoint_hash", "sd_model_checkpoint")]
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


def memory_waiting(s: Situation) -> str:
    """Memory: the model goes while it is lent, comes back after, and the picture is the same"""
    return _lent(s, "wait")


def memory_shared(s: Situation) -> str:
    """Memory, shared: the model goes, the next picture loads it once"""
    before = s.webui.memory
    told = _lent(s, "share")
    grown = s.webui.memory - before
    expect(grown < 0.5 * model_bytes(s), f"{grown / MIB:.0f} MiB more are held than before: {told}")
    return told


def _lent(s: Situation, mode: str) -> str:
    option = "train_tools_model_while_training"
    words = {"wait": "unload it, pictures wait until the training ends",
             "share": "unload it, pictures load it again beside the training"}  # fmt: skip
    chosen = s.webui.options()[option]
    s.webui.set_option(option, words[mode])
    try:
        client = s.webui.bridge()
        reason = client.capabilities().get("memory")
        s.theirs()
        before = s.webui.memory
        with client.memory_lent() as lent:
            seen = getattr(lent, "look", lambda: None)()
            during = s.webui.memory
            if mode == "share":
                expect_same(s.theirs(), s.clean, "its picture before, made while memory is lent")
        expect_same(s.theirs(), s.clean, "its picture before")
        told = (
            f"{before / MIB:.0f} → {during / MIB:.0f} → {s.webui.memory / MIB:.0f} MiB; the bridge saw {seen}"
        )
        freed = before - during
        says_why = reason or s.webui.bridge().capabilities().get("memory") or getattr(seen, "trouble", "")
        # On a CPU there is no elsewhere to move a model to, only to let go of it.
        if mode == "share" or s.webui.installed.kind not in ("AUTOMATIC1111",):
            expect(freed > 0.5 * model_bytes(s) or says_why, f"it says that memory was freed; {told}")
        return f"{told}{'; it says: ' + str(says_why) if says_why else ''}"
    finally:
        s.webui.set_option(option, chosen)


def model_bytes(s: Situation) -> int:
    """In fp32, as a CPU has it."""
    return s.webui.checkpoint.stat().st_size * 2


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


def secrets_not_served(s: Situation) -> str:
    """Nothing secret is served by gradio's file="""
    address = bridge_file.read(s.webui.root)
    expect(address, "the bridge's address isn't found")
    assert address is not None
    token = address.token.encode()
    ours = s.webui.root / "train_tools"
    known = [path for path in ours.iterdir() if path.is_file()]
    known += [path for path in s.webui.data.rglob("*.json") if path.is_file() and token in path.read_bytes()]
    known += [path for path in getattr(bridge_file, "files", lambda _: [])(s.webui.root) if path.is_file()]
    open_to_all = s.webui.root / "picture.txt"
    open_to_all.write_text("not secret", encoding="utf-8")
    prefixes = [
        prefix
        for prefix in ("/file=", "/gradio_api/file=")
        if s.webui.get(f"{prefix}{open_to_all}").text == "not secret"
    ]
    served = [
        path.name
        for path in known
        for prefix in prefixes
        if s.webui.get(f"{prefix}{path}").status_code == 200
    ]
    expect(not served, f"served: {', '.join(sorted(set(served)))}")
    return (
        f"{len(known)} files asked for at {' and '.join(prefixes) or 'file=, which serves no outputs here'}"
    )


def broken_requests(s: Situation) -> str:
    """Requests that are broken off leave nothing in the webui's console"""
    length = s.webui.log.stat().st_size
    port = int(s.webui.url.rpartition(":")[2])
    for path in ("", "api/session", "api/queue", "app.js"):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port)) as asking:
                asking.sendall(f"GET /train_tools/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    s.webui.get("/train_tools/api/session")
    said = s.webui.log.read_bytes()[length:].decode("utf-8", "replace")
    errors = [line for line in said.splitlines() if "Error" in line]
    expect(not errors, f"{len(said.splitlines())} lines, as {errors[:1]}")
    return ""


def gradio_login(s: Situation) -> str:
    """--gradio-auth: closed without the login, open with it"""
    paths = ("/train_tools/", "/train_tools/api/session", "/train_tools/_door/state")
    for path in paths:
        code = s.webui.get(path).status_code
        expect(code == 401, f"{path} answers {code} without login")
    with httpx.Client(base_url=s.webui.url, trust_env=False, timeout=120) as person:
        for login in ("/login", "/gradio_api/login"):
            if person.post(login, data={"username": "anna", "password": "secret"}).status_code == 200:
                break
        else:
            raise FailedError("gradio's own login doesn't answer")
        for path in paths:
            code = person.get(path).status_code
            expect(code == 200, f"{path} answers {code} after login")
    return ""


def api_login(s: Situation) -> str:
    """--api-auth alone: closed without name and password, and no poll makes a browser ask for them"""
    fetch = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    answer = s.webui.get("/train_tools/_door/state", headers=fetch)
    expect(answer.status_code == 401, f"the state answers {answer.status_code} without login")
    expect("www-authenticate" not in answer.headers, "the poll is answered with a challenge")
    expect(s.webui.get("/train_tools/").status_code == 401, "the page is open without login")
    answer = s.webui.get("/train_tools/api/session", auth=("bot", "key"))
    expect(answer.status_code == 200, f"with name and password it answers {answer.status_code}")
    with s.browser() as view:
        asked: list[str] = []
        view.on(
            "response",
            lambda r: (
                asked.append(r.url) if "train_tools/_door" in r.url or "train_tools/api" in r.url else None
            ),
        )
        view.wait_for_timeout(20_000)
        expect(not asked, f"without the tab being opened, the page asks for {asked[:1]}")
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


def swept_after_kill(s: Situation) -> str:
    """Killed in the middle of a preview: after the next start no temporary LoRA is there"""
    lora_folder_clean(s)
    expect_same(s.theirs(OWN_TAG), s.with_lora, "its picture with the LoRA before")
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
