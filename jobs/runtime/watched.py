"""Runs a module that ends with its driver from the first line on: its imports take seconds.

python -m compound.jobs.runtime.watched MODULE [ARGUMENT ...]
"""

import runpy
import sys

from compound.jobs.runtime.driver_watch import end_with_driver


def main() -> None:
    """Run from the command line, as `python -m MODULE` would."""
    end_with_driver()
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
