"""`python launch.py LIFELINE SCRIPT ARGUMENT …`: runs a script of sd-scripts, in sd-scripts' own interpreter.

Started as a file, with the standard library alone: that interpreter needn't know this package. The script ends when
whoever holds the other end of its standard input is gone (engines/lifeline.py), with `accelerate launch` in between
too, whose own processes outlive their parent.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def main(lifeline: str, script: str, arguments: list[str]) -> None:
    runpy.run_path(lifeline)["end_with_supervisor"]()
    # Its own modules come first, and ours, beside this file, not at all: packages have the same names.
    own = str(Path(__file__).parent)
    sys.path[:] = [str(Path(script).parent), *(path for path in sys.path if path != own)]
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
