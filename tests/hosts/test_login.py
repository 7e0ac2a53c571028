"""Who may come through the door, against FastAPI-like apps; the real gradio is asked in tests/hosts/real."""

from __future__ import annotations

import asyncio
import base64
from types import SimpleNamespace
from typing import Any

import pytest

from train_tools.hosts.login import Login


def scope(method: str = "GET", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http", "method": method, "path": "/train_tools/", "query_string": b"", "headers": raw,
        "path_params": {"path": ""},
    }  # fmt: skip


def app(
    *, auth: Any = None, cookie: str = "access-token-x", at: str = "/user", **more: Any
) -> SimpleNamespace:
    """gradio's app: `auth` set where it asks for a login, `/user` says whose cookie it is."""

    def get_current_user(request: Any) -> str | None:
        return {"right": "anna"}.get(request.cookies.get(cookie, ""))

    get_current_user.__module__ = "gradio.routes"
    user = SimpleNamespace(path=at, methods={"GET"}, endpoint=get_current_user)
    return SimpleNamespace(auth=auth, routes=[SimpleNamespace(path="/"), user], **more)


def status(login: Login, asked: dict[str, Any]) -> int:
    refusal = asyncio.run(login.refusal(asked))
    return 200 if refusal is None else refusal.status_code


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_an_open_host_lets_everybody_in() -> None:
    login = Login(app(), None)
    assert not login.is_asked
    assert status(login, scope()) == 200


def test_gradios_cookie() -> None:
    login = Login(app(auth={"anna": "secret"}), None)
    assert login.is_asked
    assert status(login, scope()) == 401
    assert status(login, scope(cookie="access-token-x=wrong")) == 401
    assert status(login, scope(cookie="access-token-x=right")) == 200
    assert status(login, scope(authorization=basic("anna:secret"))) == 401, "that is no API login"


def test_a_dependency_of_gradio_4() -> None:
    host = app(auth_dependency=lambda request: None)
    assert status(Login(host, None), scope()) == 401


def test_gradio_5_keeps_it_below_a_prefix() -> None:
    login = Login(app(auth={"anna": "secret"}, at="/gradio_api/user"), None)
    assert status(login, scope(cookie="access-token-x=wrong")) == 401
    assert status(login, scope(cookie="access-token-x=right")) == 200


def test_a_gradio_that_is_mounted_in_the_webuis_app() -> None:
    inner = app(auth={"anna": "secret"}, at="/gradio_api/user")
    outer = SimpleNamespace(routes=[SimpleNamespace(path="/ui", app=inner)])
    assert status(Login(outer, None), scope()) == 401
    assert status(Login(outer, None), scope(cookie="access-token-x=right")) == 200


def test_another_extensions_user_lets_nobody_in() -> None:
    def user(request: Any) -> str:
        return "everybody"

    host = app(auth={"anna": "secret"})
    host.routes.insert(0, SimpleNamespace(path="/civitai/user", methods={"GET"}, endpoint=user))
    assert status(Login(host, None), scope()) == 401
    assert status(Login(host, None), scope(cookie="access-token-x=right")) == 200


def test_a_gradio_that_isnt_known_lets_nobody_in() -> None:
    host = app(auth={"anna": "secret"})
    host.routes.pop()
    assert status(Login(host, None), scope(cookie="access-token-x=right")) == 401


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", 401),
        (basic("anna:secret"), 200),
        (basic("bob:other:colon"), 200),
        (basic("anna:wrong"), 401),
        (basic("anna"), 401),
        ("Basic !!!", 401),
        ("Bearer " + basic("anna:secret")[6:], 401),
    ],
)
def test_api_auth(given: str, expected: int) -> None:
    login = Login(app(), "anna:secret, bob:other:colon")
    assert status(login, scope(authorization=given)) == expected


def test_either_login_is_enough_and_basic_is_asked_for() -> None:
    login = Login(app(auth={"anna": "secret"}), "api:key")
    assert status(login, scope(cookie="access-token-x=right")) == 200
    assert status(login, scope(authorization=basic("api:key"))) == 200
    refusal = asyncio.run(login.refusal(scope()))
    assert refusal is not None
    assert refusal.headers["www-authenticate"].startswith("Basic")
    asked = {**scope(), "path_params": {"path": "_door/state"}}
    refusal = asyncio.run(login.refusal(asked))
    assert refusal is not None
    assert "www-authenticate" not in refusal.headers, "no password is asked for by a look in the background"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),  # curl
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "http://host:7860", "host": "host:7860"}, 200),
        ({"origin": "http://evil.example", "host": "host:7860"}, 403),
        ({"origin": "null", "host": "host:7860"}, 403),
        ({"origin": "https://outer.example", "host": "inner:7860", "x_forwarded_host": "outer.example"}, 200),
    ],
)
def test_other_sites_change_nothing(headers: dict[str, str], expected: int) -> None:
    login = Login(app(), None)
    assert status(login, scope("POST", **headers)) == expected


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 200),  # a link in a chat
        ("", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, 403),
        ("api/presets", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 403),
        ("api/presets", {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"}, 403),
        ("api/presets", {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}, 200),
        ("api/presets", {"sec_fetch_site": "none", "sec_fetch_mode": "navigate"}, 200),  # typed by a person
        ("api/presets", {}, 200),  # curl
    ],
)
def test_other_sites_read_nothing(path: str, headers: dict[str, str], expected: int) -> None:
    """A page elsewhere could have this machine look at a share of its own, which tells it who is logged in here."""
    login = Login(app(), None)
    assert status(login, {**scope("GET", **headers), "path_params": {"path": path}}) == expected
