"""The routes of messages: set up, tried, taken out, and no secret comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from messages.conftest import Service, own_folder, service
from starlette.testclient import TestClient
from ui.conftest import result

from train_tools.ui.access import Access
from train_tools.ui.server import application

__all__ = ["own_folder", "service"]


def test_a_place_is_set_up_tried_and_taken_out(page: TestClient, service: Service) -> None:
    assert page.get("/api/messages").json()["channels"] == []
    body = {"kind": "discord", "address": f"{service.url}/hook-1", "language": "zh", "failed": False}
    made = page.post("/api/messages/save", json=body).json()
    (shown,) = made["channels"]
    assert (shown["kind"], shown["host"], shown["failed"]) == ("discord", "127.0.0.1", False)
    assert shown["known"] == ["address"]
    assert "hook-1" not in page.get("/api/messages").text
    result(page, page.post("/api/messages/try", json={"id": made["id"]}))
    assert "训练结束时" in service.got[0][2]["content"]
    service.answers = [(404, {})]
    answer = page.post("/api/messages/try", json={"id": made["id"]}, headers={"Accept-Language": "zh"})
    assert answer.status_code == 400
    assert "127.0.0.1" in answer.json()["error"]
    assert "拒收" in answer.json()["error"]
    changed = page.post(
        "/api/messages/save", json={"id": made["id"], "kind": "discord", "failed": True}
    ).json()
    assert changed["channels"][0]["failed"]
    assert page.post("/api/messages/remove", json={"id": made["id"]}).json()["channels"] == []
    assert page.post("/api/messages/try", json={"id": made["id"]}).status_code == 400


@pytest.mark.parametrize("path", ["save", "remove", "try"])
def test_who_comes_over_the_network_changes_nothing(tmp_path: Path, path: str) -> None:
    server = application(tmp_path, Access(password="secret"))
    page = TestClient(server, base_url="http://trainer.lan:7870")
    body = {"id": "1", "kind": "json", "address": "http://10.0.0.1/"}
    answer = page.post(f"/api/messages/{path}", json=body, auth=("", "secret"))
    assert answer.status_code == 400
    assert "at the machine itself" in answer.json()["error"]
