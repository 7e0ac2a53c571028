"""`python -m train_tools test --webui FOLDER`: goes through the checks in a real webui and prints a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hosts.real.webui import installation


def main(arguments: Sequence[str]) -> int:
    chosen = _parser().parse_args(arguments)
    installed = installation(chosen.webui, chosen.python)
    from hosts.real.walk import walk  # takes torch: a wrong folder is told at once

    return walk(installed, chosen.checkpoint, chosen.only)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train_tools test", description=__doc__)
    parser.add_argument("--webui", type=Path, required=True, metavar="FOLDER", help="with its launch.py")
    parser.add_argument("--python", type=Path, metavar="FILE", help="that it runs with (default: its venv's)")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="a base model (default: one that is made)"
    )
    parser.add_argument("--only", default="", metavar="WORDS", help="only checks whose title has them")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
