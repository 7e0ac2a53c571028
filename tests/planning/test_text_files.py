from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.errors import UsageError
from train_tools.planning.text_files import decoded, read_text

CHINESE = "# 训练参数,请勿修改下方内容\ntrain_network.py --network_dim=32\n"
JAPANESE = "# 学習の設定です。モデルのパスを書いてください\ntrain_network.py --network_dim=32\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gbk", "gb18030"]
)
def test_chinese_scripts_as_windows_writes_them(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "train.ps1"
    file.write_bytes(CHINESE.encode(encoding))
    assert read_text(file) == CHINESE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "cp932"])
def test_japanese_scripts(encoding: str) -> None:
    assert decoded(JAPANESE.encode(encoding)) == JAPANESE


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(range(256)) * 4 + b"\0\0\0")
    with pytest.raises(UsageError, match="isn't text"):
        read_text(file)
    with pytest.raises(UsageError, match="there is no file"):
        read_text(tmp_path / "nothing")
    assert decoded("Größe 5".encode("latin-1")) is not None
