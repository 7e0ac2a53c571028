"""Whatever is asked of whichever route, by a person or a visitor: an answer or a sentence, never a fault of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.testclient import TestClient
from workspace.samples import fill

import train_tools.ui
from train_tools.execution import lane
from train_tools.ui.access import Access
from train_tools.ui.server import application
from train_tools.workspace.workspace import Workspace

UI = Path(train_tools.ui.__file__).parent
INSIDE = "Something went wrong inside"
# They would start TensorBoard, look through all disks, or look at the network.
LEFT_OUT = ("/tensorboard", "/api/tools/environment", "/captions/server", "/captioner/offer", "/publish")
SOURCE = "\n".join(path.read_text("utf-8") for path in UI.rglob("*.py"))
FIELDS = sorted(set(re.findall(r'call\.field\(\s*"(\w+)"', SOURCE)))
QUERIES = sorted(set(re.findall(r'call\.(?:query|number)\(\s*"(\w+)"', SOURCE)))
NAMES = (
    "zorb", "v1", "base-bs-1", "00001-0-a.png", "10_zorb/00001-0-a.txt", "..", "../../../etc/passwd", "/etc/passwd",
    "C:\\x", "\\\\host\\share", "con", "a/b", "", " ", "\0", "猫", "\u202egnp", "x" * 300, "%2e%2e", "<script>", "0",
    "-1", "1e999", "trained", "base", "preview", "gpu", "light", "first", "cancel", "edit", "network_dim", "all",
)  # fmt: skip
texts = st.one_of(st.sampled_from(NAMES), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
values = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers(-2, 2**63), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
bodies = st.one_of(st.dictionaries(st.sampled_from(FIELDS), values, max_size=6), values)
queries = st.dictionaries(st.sampled_from(QUERIES), texts, max_size=3)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "root"


def there(root: Path) -> None:
    """The version, which a request before may have renamed or deleted."""
    workspace = Workspace(root)
    if not (workspace.projects_folder / "zorb").is_dir():
        workspace.create_project("zorb")
    if not (workspace.projects_folder / "zorb" / "versions" / "v1").is_dir():
        fill(workspace.create_version("zorb", "v1"))


@pytest.fixture(scope="module", params=["a person", "a visitor"])
def page(root: Path, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    is_visitor = request.param == "a visitor"
    app = application(root, Access(password="x") if is_visitor else Access())
    page = TestClient(app, base_url="http://localhost:7870", raise_server_exceptions=False)
    page.auth = ("", "x") if is_visitor else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane, "_start_worker", lambda *_: None)  # nothing of this is to be trained
        yield page


def routes(page: TestClient) -> list[Route]:
    found = [route for route in page.app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]
    return [route for route in found if not any(part in route.path for part in LEFT_OUT)]


def try_any(page: TestClient, root: Path, examples: int) -> None:
    known = routes(page)
    beside = root.parent

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def asked(data: st.DataObject) -> None:
        there(root)
        route = data.draw(st.sampled_from(known), label="route")
        usual = {"project": "zorb", "version": "v1"}
        parts = {
            name: usual[name] if name in usual and data.draw(st.booleans()) else data.draw(texts)
            for name in route.param_convertors
        }
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: quote(parts[found[1]], safe="/"), route.path)
        method = next(iter(route.methods - {"HEAD"}))  # type: ignore[operator]
        body = data.draw(bodies) if method == "POST" else data.draw(st.binary(max_size=50))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = {} if method == "GET" else {"content": content}
        answer = page.request(method, path, params=data.draw(queries), **more)  # type: ignore[arg-type]
        assert answer.status_code < 500, (method, path, body, answer.text)
        check(page, answer)
        assert {path.name for path in beside.iterdir()} == {"root"}
        assert {path.name for path in root.iterdir()} == {"train_tools"}

    asked()


def check(page: TestClient, answer: Any) -> None:
    """What is longer ends as well, and with no fault."""
    if "application/json" not in answer.headers.get("content-type", ""):
        return
    found = answer.json()
    if isinstance(found, dict) and found.get("state") == "running" and "task" in found:
        found = page.get(f"/api/tasks/{found['task']}").json()
    assert INSIDE not in json.dumps(found)


def test_any_request_is_answered(page: TestClient, root: Path) -> None:
    try_any(page, root, 60)


@pytest.mark.thorough
def test_any_request_is_answered_at_length(page: TestClient, root: Path) -> None:
    try_any(page, root, 3000)
