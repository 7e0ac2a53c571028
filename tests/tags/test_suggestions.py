"""Tags while one types: lists as other programs have them, and what is offered first."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.errors import UsageError
from train_tools.tags.lists import ListedTag, found_lists, is_kaomoji, keep_list, read_list
from train_tools.tags.suggestions import EMPTY, TagIndex, TagLists, suggest

DANBOORU = """1girl,0,6008644,"1girls,sole_female"
long_hair,0,4350743,"/lh,longhair,长发"
hair_ornament,0,1200000,
hatsune_miku,4,109000,"miku_hatsune,初音未来"
hat,0,1190000,
^_^,0,50000,
"""


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    (folder / name).write_text(text, encoding)
    return folder / name


def offered(text: str, own: dict[str, int], index: TagIndex) -> list[str]:
    return [one.tag for one in suggest(text, own, index)]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (
            "danbooru.csv",
            'cat_ears,0,300,"neko mimi, 猫耳"\n',
            ListedTag("cat_ears", 0, 300, ("neko mimi", "猫耳")),
        ),
        ("head.csv", "tag_id,name,category,count\n1,cat_ears,0,300\n", ListedTag("cat_ears", 0, 300)),
        ("pairs.csv", "cat_ears,猫耳\nhat,帽子\n", ListedTag("cat_ears", 0, 0, ("猫耳",))),
        ("counts.csv", "cat_ears,300\nhat,2\n", ListedTag("cat_ears", 0, 300)),
        ("kinds.csv", "cat_ears,0\nhat,4\n", ListedTag("cat_ears")),
        ("words.csv", "masterpiece,5,Quality tag,\n", ListedTag("masterpiece", 5)),
        ("lines.txt", "# mine\ncat_ears,\n\nhat\n", ListedTag("cat_ears")),
    ],
)
def test_lists_as_people_have_them(tmp_path: Path, name: str, text: str, found: ListedTag) -> None:
    assert read_list(written(tmp_path, name, text))[0] == found


def test_a_spreadsheet_of_another_encoding(tmp_path: Path) -> None:
    assert read_list(written(tmp_path, "a.csv", "cat_ears,0,5,猫耳\n", "gb18030"))[0].aliases == ("猫耳",)


@pytest.mark.parametrize(
    ("name", "data"), [("a.csv", b""), ("b.txt", b"\n#\n"), ("c.csv", b"\xff\xff\xff\x80")]
)
def test_what_is_no_list_is_a_sentence(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=name):
        read_list(tmp_path / name)


def test_what_is_typed_is_found_however_it_is_written(tmp_path: Path) -> None:
    index = TagIndex([read_list(written(tmp_path, "danbooru.csv", DANBOORU))])
    own = {"long sleeves": 3, "Red Hat": 9}
    assert offered("long", own, index) == ["long sleeves", "long_hair"]
    assert offered("LONG H", own, index) == ["long_hair"]
    assert offered("long_h", {}, index) == ["long_hair"]
    assert offered("hat", own, index) == [
        "Red Hat",
        "hat",
        "hatsune_miku",
    ]  # the exact one before longer ones
    assert offered("girl", {}, index) == ["1girl"]  # also inside
    assert offered("zz", {}, index) == []
    assert offered("", own, index) == ["Red Hat", "long sleeves"]
    (miku,) = suggest("初音", {}, index)
    assert (miku.tag, miku.category, miku.count, miku.alias) == ("hatsune_miku", 4, 109000, "初音未来")
    (hair,) = suggest("long hair", {"long hair": 4}, index)  # one entry, spelt as in the captions
    assert (hair.tag, hair.own, hair.count) == ("long hair", 4, 4350743)


def test_of_two_lists_the_larger_count_and_all_aliases() -> None:
    index = TagIndex([[ListedTag("hat", 0, 5, ("cap",))], [ListedTag("Hat", 0, 9, ("帽子",))]])
    assert len(index) == 1
    assert index.get("hat") == ListedTag("Hat", 0, 9, ("cap", "帽子"))


def test_the_folder_is_read_again_when_it_changes(tmp_path: Path) -> None:
    lists = TagLists(tmp_path / "tags")
    assert lists.index(5.0) == (EMPTY, True)
    kept = keep_list(tmp_path / "tags", "danbooru.csv", written(tmp_path, "upload", DANBOORU))
    index, is_all = lists.index(5.0)
    assert (len(index), is_all) == (6, True) or len(lists.index(5.0)[0]) == 6
    again = keep_list(tmp_path / "tags", "danbooru.csv", written(tmp_path, "upload", "hat,0,1\n"))
    assert (kept.name, again.name) == ("danbooru.csv", "danbooru-2.csv")
    (tmp_path / "tags" / "bad.csv").write_bytes(b"")
    lists.index(5.0)
    lists.index(5.0)
    assert [(one.name, one.tags, bool(one.problem)) for one in lists.files()] == [
        ("bad.csv", 0, True),
        ("danbooru-2.csv", 1, False),
        ("danbooru.csv", 6, False),
    ]


@pytest.mark.parametrize("name", ["x.exe", ".csv", "a/b.csv", "nul.csv"])
def test_what_is_not_kept(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        keep_list(tmp_path / "tags", name, written(tmp_path, "upload", DANBOORU))
    assert not (tmp_path / "tags").exists() or not list((tmp_path / "tags").iterdir())


def test_the_webuis_tag_completion_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "extensions" / "a1111-sd-webui-tagcomplete" / "tags"
    folder.mkdir(parents=True)
    written(folder, "danbooru.csv", DANBOORU)
    written(folder, "extra-quality-tags.csv", DANBOORU)
    assert found_lists(tmp_path / "outputs") == {"danbooru.csv": folder / "danbooru.csv"}


def test_faces_keep_their_underscore() -> None:
    assert [is_kaomoji(name) for name in ("^_^", "0_0", "long_hair")] == [True, True, False]
