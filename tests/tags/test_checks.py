"""Findings on captions before training."""

from __future__ import annotations

from tags.conftest import Make

from train_tools.tags.checks import check_captions


def test_good_captions_give_no_finding(make: Make) -> None:
    assert check_captions(make({"a": "zorb, red\n", "b": "Zorb ||| blue"}), "{concept}", 75) == []


def test_each_fault_is_found_by_name(make: Make) -> None:
    texts = {
        "a": "red, zorb",
        "b": "red",
        "c": None,
        "d": " \n",
        "e": "zorb, " + "tall " * 100,
        "f": "zorb, one\ntwo\n",
    }
    version = make(texts)
    folder = version.processed / "10_zorb"
    (folder / "lost.txt").write_text("zorb", encoding="utf-8")
    (folder / "g.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "g.txt").write_bytes(b"\xff")
    found = {finding.id: finding for finding in check_captions(version, "{concept}", 75)}
    assert {name: finding.where for name, finding in found.items()} == {
        "caption-unreadable": ("g.png",),
        "caption-missing": ("c.png",),
        "caption-empty": ("d.png",),
        "caption-without-image": ("10_zorb/lost.txt",),
        "caption-lines": ("f.png",),
        "activation-missing": ("b.png", "f.png"),
        "activation-not-first": ("a.png",),
        "caption-long": ("e.png",),
    }
    assert next(iter(found)) == "caption-unreadable"  # the gravest first
    assert "the longest has 103" in found["caption-long"].sentence
    assert "max_token_length=150" in found["caption-long"].fix
    assert all(finding.sentence and finding.fix for finding in found.values())


def test_no_caption_at_all_is_a_way_to_train(make: Make) -> None:
    (finding,) = check_captions(make({"a": None, "b": None}), "{concept}", 75)
    assert (finding.id, finding.severity) == ("caption-missing", "hint")


def test_without_a_prefix_no_tag_is_expected(make: Make) -> None:
    assert check_captions(make({"a": "red"}), "", 75) == []


def test_longer_than_any_setting_takes(make: Make) -> None:
    (finding,) = check_captions(make({"a": "word " * 300}), "", 225)
    assert "captions find --longer 225" in finding.fix
