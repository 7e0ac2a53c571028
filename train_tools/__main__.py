"""The door: sees to the training environment, then runs the command in it.

This file must parse on every Python, so that an old one says what it lacks.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036
    found = "%d.%d" % sys.version_info[:2]  # noqa: UP031
    sys.exit("train_tools: Python 3.10 or newer is needed; this is " + found)

from train_tools import cli
from train_tools.environment import checks, stand_ins, start
from train_tools.environment.place import place


def main(argv):  # type: (list[str]) -> int
    command = argv[0] if argv else ""
    if command in start.WITHOUT_ENVIRONMENT or (command != "test" and command not in cli.COMMANDS):
        return cli.main(argv)  # the latter says how it is used
    if command != "test":
        look_over(argv)
    exit_code = start.enter(argv, with_tests=command == "test")
    if exit_code is not None:
        return exit_code
    return checks.run(argv[1:]) if command == "test" else cli.main(argv)


def look_over(argv):  # type: (list[str]) -> None
    """Help, and what is wrong in the command line, are answered at once: an environment is made for work alone."""
    chosen = place()
    if chosen is None or chosen.is_running():
        return  # the command itself does so
    with stand_ins.for_what_is_missing():
        cli.parsed(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
