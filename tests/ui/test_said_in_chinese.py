"""What a Chinese page gets to read: the same answers, their sentences in its language and names as they are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from chosen_base import choose_toy
from PIL import Image
from starlette.testclient import TestClient

from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions, add_job
from train_tools.execution.ticket import PROCESS
from train_tools.ui.sentences import in_chinese, with_sentences_said
from train_tools.workspace.workspace import Version

AT = "/api/v/猫 cat/v1"
ZH = {"Accept-Language": "zh-CN"}


def is_chinese(sentence: str) -> bool:
    """Names in quotes and backticks aside, no English words stand in a row."""
    bare = re.sub(r"'[^']*'|`[^`]*`", "", sentence)
    return bool(re.search(r"[\u4e00-\u9fff]", bare)) and not re.search(r"[a-z]+ [a-z]+ [a-z]+", bare)


@pytest.fixture
def dataset(version: Version) -> Version:
    for number in range(3):
        path = version.processed / "2_mochi" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (number, 0, 0)).save(path)
    choose_toy(version)
    return version


def value(page: TestClient, path: str, headers: dict[str, str]) -> Any:
    """Of an answer that may be worked out later."""
    for _ in range(100):
        answer = page.get(path, headers=headers).json()
        if "value" in answer:
            return answer["value"]
        if answer.get("state") == "done":
            return answer["result"]
        if "task" in answer:
            path = f"/api/tasks/{answer['task']}"
    raise AssertionError(answer)


@pytest.mark.parametrize(
    ("path", "body", "chinese"),
    [
        ("/api/projects", {"name": "猫 cat"}, "项目 '猫 cat' 已存在，请换一个名称"),
        ("/api/projects", {"name": "a/b"}, "项目名称 'a/b' 不可用：含路径分隔符（/ 或 \\）"),
        ("/api/projects", {}, "请求缺少 'name'"),
        (f"{AT}/data/process", {}, "还没有图片，请先添加"),
        (f"{AT}/captions/undo", {}, "猫 cat v1 没有可撤销的更改"),
        (f"{AT}/plan/settings", {"changes": {"network_dim": "x"}}, None),
        (f"{AT}/data/settings", {"changes": {"width": "3"}}, None),
        ("/api/v/猫 cat/v9/data/process", {}, None),
        ("/api/v/nobody/v1/data/process", {}, None),
        ("/api/queue/act", {"action": "cancel", "ids": [7]}, "没有队列条目 7，请用 `queue list` 查看"),
    ],
)
def test_errors(
    page: TestClient, version: Version, path: str, body: dict[str, Any], chinese: str | None
) -> None:
    english = page.post(path, json=body)
    said = page.post(path, json=body, headers=ZH)
    assert said.status_code == english.status_code
    if "error" not in english.json() and "errors" in english.json():  # one a field
        sentences = list(said.json()["errors"].values())
    else:
        sentences = [said.json()["error"]]
    assert sentences and all(map(is_chinese, sentences)), (sentences, english.json())
    assert chinese in (None, sentences[0])


def test_a_plan(page: TestClient, dataset: Version) -> None:
    changes = {"network_alpha": "64", "network_dim": "32", "noise_offset": "0.3", "resolution": "64,64"}
    body = {"page": "one", "changes": changes | {"lr_scheduler": "constant", "lr_warmup_steps": "0.1"}}
    answer = page.post(f"{AT}/plan", json=body, headers=ZH).json()
    while answer["state"] == "running":
        answer = page.get(f"/api/tasks/{answer['task']}", headers=ZH).json()
    found = answer["result"]
    assert "problem" not in found, found
    said = [finding["sentence"] for finding in found["findings"]]
    said += [finding["fix"] for finding in found["findings"] if finding["fix"]]
    said += [reason for reason, _ in found["reasons"]]
    assert "Alpha（network_alpha）64 大于网络维度（network_dim）32：实际学得比学习率所示更快" in said
    assert [sentence for sentence in said if not is_chinese(sentence)] == []


def test_no_plan_can_be_made(page: TestClient, version: Version) -> None:
    found = page.post(
        f"{AT}/plan", json={"page": "one", "changes": {"seeds": "3", "seed": "1,2"}}, headers=ZH
    )
    assert is_chinese(found.json()["result"]["problem"]), found.json()


def test_checks_of_images_and_captions(page: TestClient, dataset: Version) -> None:
    (dataset.processed / "loose.png").write_bytes((dataset.processed / "2_mochi" / "0.png").read_bytes())
    findings = value(page, f"{AT}/data/census", ZH)["findings"]
    assert {"images-few", "folders-ignored"} <= {finding["id"] for finding in findings}
    checked = value(page, f"{AT}/captions/check", ZH)
    captions = checked["findings"] if isinstance(checked, dict) else checked
    said = [finding[part] for finding in (*findings, *captions) for part in ("sentence", "fix")]
    assert captions
    assert [sentence for sentence in said if not is_chinese(sentence)] == []


def test_a_queue_entry_that_cannot_be_paused(page: TestClient, version: Version) -> None:
    ticket = add_job(Queue(page.app.state.root), version, PROCESS, {}, Conditions())  # type: ignore[attr-defined]
    page.post("/api/queue/act", json={"action": "cancel", "ids": [ticket.id]})
    refused = page.post("/api/queue/act", json={"action": "pause", "ids": [ticket.id]}, headers=ZH)
    assert refused.json()["error"] == f"条目 {ticket.id} 已取消，无法暂停；请用 `queue list` 查看"


def test_sentences_in_a_row_and_behind_a_name() -> None:
    memory = "CUDA out of memory. Tried to allocate 2 GiB"
    note = in_chinese(f"{memory}; it is tried once more with at most 2 run(s) at once")
    assert note == f"{memory}；将再试一次，同时最多训练 2 个"
    assert in_chinese("a b.zip: its manifest is damaged") == "a b.zip：其清单已损坏"


def test_what_people_write_is_left_alone() -> None:
    words = '{"text":"the file is empty","mark":"","note":"the file is empty","name":"it is not whole"}'
    assert with_sentences_said(words, "zh") == words
    assert "文件是空的" in with_sentences_said('{"event":"warning","text":"the file is empty"}', "zh")
    assert with_sentences_said('{"error":"the file is empty"}', "en") == '{"error":"the file is empty"}'


def test_work_that_goes_on() -> None:
    answer = '{"task":3,"state":"running","name":"fetching sd-scripts v0.9.1"}'
    assert '"name":"正在下载 sd-scripts v0.9.1"' in with_sentences_said(answer, "zh")


def test_english_stays_english(page: TestClient, version: Version) -> None:
    answer = page.post("/api/projects", json={"name": "猫 cat"}, headers={"Accept-Language": "en"})
    assert answer.json()["error"] == "project '猫 cat' exists already; choose another name"


def test_who_may_not_ask(page: TestClient) -> None:
    strange = page.post("/api/projects", json={}, headers=ZH | {"Origin": "http://elsewhere.example"})
    assert strange.status_code == 403
    assert is_chinese(strange.json()["error"])


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "network_dim can't be x; allowed: a whole number from 1 to 100000, or none",
            "network_dim 不能为 x；可选：1 到 100000 之间的整数，或 none",
        ),
        (
            "packed: loss_type = 'huber' is not known to the packed engine",
            "packed：打包引擎不支持 loss_type = 'huber'",
        ),
        ("a.json is no JSON; take it back", "a.json 不是 JSON，请移除"),
        (
            "there is no training argument 'a'; did you mean ae or vae?",
            "没有训练参数 'a'，是否指 ae 或 vae？",
        ),
        (
            "C:\\a: b.safetensors is damaged; the checkpoint x.safetensors is missing",
            "C:\\a：b.safetensors 已损坏；缺少检查点 x.safetensors",
        ),
    ],
)
def test_sentences_of_several_parts(english: str, chinese: str) -> None:
    assert in_chinese(english) == chinese
