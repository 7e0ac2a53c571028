"""A reader that goes away doesn't stop the work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import train_tools

CODE = """
from pathlib import Path
from train_tools.commands.output import Output
out = Output()
for number in range(20000):
    out.say(f"line {number}")
Path("done").touch()
"""


def test_work_goes_on_when_nobody_reads_any_more(tmp_path: Path) -> None:
    source = str(Path(train_tools.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", CODE], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PYTHONPATH": source},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"line 0\n"
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert (tmp_path / "done").exists()
