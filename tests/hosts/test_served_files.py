"""What gradio's `file=` must not give out, by whichever name it is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from train_tools.hosts import served_files


async def gradio(request: Request) -> Response:
    """Gives every file out, as gradio does for what lies in the webui's folder and isn't blocked by its name."""
    return FileResponse(request.path_params["path"])


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A webui that is reached by a link, with outputs that are a link to a larger disk."""
    folder = tmp_path / "disk" / "outputs" / "train_tools"
    folder.mkdir(parents=True)
    (folder / "program.toml").write_text("a proxy's password")
    (folder.parent / "picture.png").write_text("a picture")
    webui = tmp_path / "data" / "webui"
    webui.mkdir(parents=True)
    if os.name != "nt":
        (webui / "outputs").symlink_to(folder.parent)
        (tmp_path / "home").symlink_to(tmp_path / "data")
    return folder


@pytest.fixture
def page(ours: Path) -> TestClient:
    routes = [Route(f"{start}{{path:path}}", gradio) for start in ("/file=", "/file/", "/gradio_api/file=")]
    return TestClient(Starlette(routes=[served_files.Kept([ours, ours / "nothing"]), *routes]))


@pytest.mark.parametrize("start", ["/file=", "/file/", "/gradio_api/file="])
@pytest.mark.skipif(os.name == "nt", reason="links need a privilege")
def test_no_name_of_a_file_of_ours_is_answered(
    page: TestClient, ours: Path, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = ours.parents[2]
    for folder in (ours.parent, top / "data/webui/outputs", top / "home/webui/outputs"):
        assert page.get(f"{start}{folder}/picture.png").text == "a picture"
        assert page.get(f"{start}{folder}/train_tools/program.toml").status_code == 403
        assert page.get(f"{start}{quote(f'{folder}/./x/../train_tools/program.toml')}").status_code == 403
    monkeypatch.chdir(top / "data" / "webui")
    assert page.get(f"{start}outputs/picture.png").text == "a picture"
    assert page.get(f"{start}outputs/train_tools/program.toml").status_code == 403


@pytest.mark.parametrize("name", ["http://example.com/x.png", "%00", "x" * 5000, "CON", "/"])
def test_other_names_are_the_webuis(name: str, ours: Path) -> None:
    async def other(_request: Request) -> Response:
        return Response("the webui's")

    routes = [served_files.Kept([ours]), Route("/file={path:path}", other)]
    assert TestClient(Starlette(routes=routes)).get(f"/file={name}").text == "the webui's"


def test_gradios_own_list_is_filled(ours: Path) -> None:
    demo = SimpleNamespace(blocked_paths=[])
    served_files.block(demo, [ours])
    served_files.block(demo, [ours])
    assert demo.blocked_paths == [str(ours)]
    served_files.block(SimpleNamespace(blocked_paths=None), [ours])
    served_files.block(None, [ours])
