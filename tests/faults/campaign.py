"""`python tests/faults/campaign.py --trials 20 --seed 1`: many trials of each fault, and how many lost something."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from faults.company import Company  # noqa: E402
from faults.trial import FAULTS, Trial  # noqa: E402

COMPANY = "joining and leaving"


def tried(name: str, folder: Path, chance: random.Random, slots: int, happened: Counter[str]) -> list[str]:
    """What was lost; `happened` counts what the runs met."""
    if name != COMPANY:
        return Trial(folder, chance, slots).run(FAULTS[name])
    trial = Company(folder, chance, slots)
    lost = trial.run()
    happened += trial.happened
    return lost


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20, help="of each fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slots", type=int, default=1, help="workers at the same time, as for so many GPUs")
    parser.add_argument("--fault", choices=sorted([*FAULTS, COMPANY]), action="append", help="default: all")
    parser.add_argument("--folder", type=Path, help="where the trials lie; those with a loss are kept")
    arguments = parser.parse_args()
    bad = 0
    print("fault                      trials  losses  seconds a trial")
    for name in arguments.fault or [*FAULTS, COMPANY]:
        losses, started, happened = 0, time.monotonic(), Counter[str]()
        for number in range(arguments.trials):
            seed = f"{name} {arguments.seed} {number}"
            folder = Path(tempfile.mkdtemp(prefix="fault-", dir=arguments.folder))
            try:
                lost = tried(name, folder, random.Random(seed), arguments.slots, happened)
            except Exception as error:
                lost = [f"{type(error).__name__}: {error}"]
            if lost:
                losses += 1
                print(f"  trial {number} in {folder}: {'; '.join(lost)}", flush=True)
            else:
                shutil.rmtree(folder)
        seconds = (time.monotonic() - started) / arguments.trials
        print(f"{name:26} {arguments.trials:6} {losses:7} {seconds:16.2f}", flush=True)
        if happened:
            print(f"  {', '.join(f'{what} {count}' for what, count in happened.items())}", flush=True)
        bad += losses
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
