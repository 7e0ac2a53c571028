"""The webui knows us and we know it: the tab, the page behind it, who is let in, and what nobody may read."""

from __future__ import annotations

import re
import socket

import httpx
from hosts.real.situation import FailedError, Situation, eventually, expect
from hosts.real.webui import config_of

from train_tools.hosts import bridge_file

NAMES = {"AUTOMATIC1111": r"AUTOMATIC1111", "Forge": r"^Forge$|^Forge\b(?!.*(Neo|Classic))", "reForge": r"reForge",
         "Neo": r"Neo", "Classic": r"Classic"}  # fmt: skip


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


def page_names_host(s: Situation) -> str:
    """Our page says in which webui it is, with its version"""
    client = s.webui.bridge()
    task = s.webui.get("/train_tools/api/tools/about").json()
    said = eventually(lambda: s.webui.get(f"/train_tools/api/tasks/{task['task']}").json().get("result"))
    name = f"{client.name} {client.version}".strip()
    expect(said and said.get("host") == name, f"it says {said and said.get('host')!r}")
    return name


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
    counts = f"{len(client.samplers())} samplers, {len(client.schedulers())} schedulers"
    return f"{counts}; without {'; '.join(without) or 'nothing'}"


def secrets_not_served(s: Situation) -> str:
    """Nothing secret is served by gradio's file="""
    address = bridge_file.read(s.webui.root)
    expect(address, "the bridge's address isn't found")
    assert address is not None
    token = address.token.encode()
    ours = s.webui.root / "train_tools"
    ours.mkdir(parents=True, exist_ok=True)
    if not (ours / "program.toml").exists():
        (ours / "program.toml").write_text('proxy = "http://me:secret@127.0.0.1:9"\n', encoding="utf-8")
    known = [path for path in ours.iterdir() if path.is_file()]
    known += [path for path in s.webui.data.rglob("*.json") if path.is_file() and token in path.read_bytes()]
    known += [path for path in getattr(bridge_file, "files", lambda _: [])(s.webui.root) if path.is_file()]
    other_name = s.webui.data / "the same by another name"
    if not other_name.exists():
        other_name.symlink_to(s.webui.root, target_is_directory=True)
    known += [other_name / path.relative_to(s.webui.root) for path in known if ours in path.parents]
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
