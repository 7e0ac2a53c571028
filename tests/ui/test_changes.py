"""A list is sent once, and then only what changed."""

from __future__ import annotations

from train_tools.ui.changes import Changes


def test_everything_then_only_what_changed() -> None:
    changes = Changes()
    changes.put({"n": 1}, {1: "a", 2: "b"})
    first = changes.since("")
    assert (first["head"], first["order"], first["items"]) == ({"n": 1}, [1, 2], ["a", "b"])
    changes.put({"n": 1}, {1: "a", 2: "b"})
    assert changes.since(first["token"]) == {"token": first["token"]}
    changes.put({"n": 1}, {1: "a", 2: "B"})
    second = changes.since(first["token"])
    assert second["items"] == ["B"]
    assert "head" not in second
    assert "order" not in second
    changes.put({"n": 2}, {2: "B", 3: "c"})
    third = changes.since(second["token"])
    assert (third["head"], third["order"], third["items"]) == ({"n": 2}, [2, 3], ["c"])
    assert changes.since(first["token"])["items"] == ["B", "c"]


def test_what_comes_back_is_sent_again() -> None:
    changes = Changes()
    changes.put(None, {1: "a"})
    changes.put(None, {})
    token = changes.since("")["token"]
    changes.put(None, {1: "a"})
    assert changes.since(token)["items"] == ["a"]


def test_a_token_of_another_server_gets_everything() -> None:
    old, new = Changes(), Changes()
    for changes in (old, new):
        changes.put(None, {1: "a"})
    assert new.since(old.since("")["token"])["items"] == ["a"]
    for token in ("x", "..", "1", new.since("")["token"] + "9"):
        assert new.since(token)["items"] == ["a"]
