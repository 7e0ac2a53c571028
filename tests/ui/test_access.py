"""Who is answered, and who isn't."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from train_tools.ui.access import Access
from train_tools.ui.server import application

ALONE = Access()


def client(root: Path, access: Access = ALONE, host: str = "localhost:7870") -> TestClient:
    return TestClient(application(root, access), base_url=f"http://{host}")


@pytest.mark.parametrize("host", ["localhost:7870", "127.0.0.1:7870", "[::1]:7870"])
def test_this_machine_is_answered(tmp_path: Path, host: str) -> None:
    assert client(tmp_path, host=host).get("/api/session").json()["exposed"] is False


def test_another_name_for_this_machine_is_not(tmp_path: Path) -> None:
    assert client(tmp_path, host="evil.example").get("/api/session").status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:7870"}, 404),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({}, 404),
    ],
)
def test_another_sites_page_can_change_nothing(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    assert client(tmp_path).post("/api/nothing", headers=headers).status_code in (
        {status, 405} if status == 404 else {status}
    )


@pytest.mark.parametrize(
    ("path", "mode", "status"),
    [
        ("/", "navigate", 200),
        ("/", "no-cors", 403),
        ("/api/session", "navigate", 403),
        ("/app.js", "no-cors", 403),
    ],
)
def test_another_sites_page_can_read_nothing(tmp_path: Path, path: str, mode: str, status: int) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode}
    answer = client(tmp_path).get(path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_behind_a_door_only_the_door_is_answered(tmp_path: Path) -> None:
    asked = client(tmp_path, Access(token="secret"), host="127.0.0.1:1")
    assert asked.get("/api/session").status_code == 403
    assert asked.get("/api/session", headers={"X-Train-Tools-Token": "wrong"}).status_code == 403
    answer = asked.get(
        "/api/session", headers={"X-Train-Tools-Token": "secret", "X-Train-Tools-Exposed": "1"}
    )
    assert answer.json()["exposed"] is True


def test_a_password_is_asked_on_a_network(tmp_path: Path) -> None:
    asked = client(tmp_path, Access(password="长 password"), host="trainer.lan:7870")
    refused = asked.get("/api/session")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert asked.get("/api/session", auth=("me", "wrong")).status_code == 401
    assert asked.get("/api/session", headers={"Authorization": "Basic !!"}).status_code == 401
    allowed = asked.get("/api/session", auth=("me", "长 password".encode()))
    assert allowed.json()["exposed"] is True


def test_nobody_may_put_the_page_into_another(tmp_path: Path) -> None:
    policy = client(tmp_path).get("/").headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert "default-src 'self'" in policy
