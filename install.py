"""Run by the webui at each of its starts, with the webui's Python: writes down what is there, and nothing else.

No package is installed here, neither into the webui nor elsewhere: the training environment is made when a person
asks for it, in the tab or with `python -m train_tools env create`.
"""

import os
import sys


def main() -> None:
    try:
        # Not everybody's Python looks beside the script that it runs (PYTHONSAFEPATH).
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH120 - pathlib is slow to load
        from train_tools.environment import host_record

        host_record.keep()
    except Exception as error:  # whatever it is, the webui must start
        print(f"Train Tools: what is installed here could not be noted ({type(error).__name__}: {error})")


main()
