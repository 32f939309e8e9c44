"""Child processes that end with the process that started them, however that one ends."""

import os
import threading
import time

from compound.jobs.process_mark import MARK, own_mark, runs
from compound.jobs.runtime.process_exit import end_now
from compound.schemas.errors import ExitCode

_VARIABLE = "COMPOUND_DRIVER"
_POLL_S = 1.0


def watched_by_children() -> dict[str, str]:
    """Return the variable of a child's environment that names this process as its driver."""
    return {_VARIABLE: own_mark()}


def end_with_driver() -> None:
    """End this process within two seconds after its driver, where it has one.

    What it was doing is lost, like at any kill: the store keeps what was committed. A rank would
    else train on without anybody who waits for its result.
    """
    mark = os.environ.get(_VARIABLE, "")
    if MARK.fullmatch(mark):
        threading.Thread(target=_watch, args=(mark,), daemon=True).start()


def _watch(mark: str) -> None:
    while runs(mark):
        time.sleep(_POLL_S)
    end_now(ExitCode.FAILED)
