"""The door: sees to the training environment, then runs the command in it.

This file must parse on every Python, so that an old one says what it lacks.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036
    found = "%d.%d" % sys.version_info[:2]  # noqa: UP031
    sys.exit("train_tools: Python 3.10 or newer is needed; this is " + found)

from train_tools import cli
from train_tools.environment import checks, start


def main(argv):  # type: (list[str]) -> int
    command = argv[0] if argv else ""
    if command in start.WITHOUT_ENVIRONMENT or (command != "test" and command not in cli.COMMANDS):
        return cli.main(argv)  # the latter says how it is used
    exit_code = start.enter(argv, with_tests=command == "test")
    if exit_code is not None:
        return exit_code
    return checks.run(argv[1:]) if command == "test" else cli.main(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
