"""os._exit in a network's own code: it ends the job or the plan, and not the process.

os._exit ends a process at once, with the code that it is given: a study whose jobs never ran would
end with 0. So while code of a user may run, os._exit raises SystemExit in its place.
"""

import os
import posix
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from compound.schemas.errors import ExitCode

end_now: Callable[[int], NoReturn] = os._exit
"""os._exit itself, for our own code."""


@contextmanager
def exits_raised() -> Iterator[None]:
    """Let os._exit raise SystemExit in this thread.

    Elsewhere in this process, an exit with 0 becomes one with ExitCode.FAILED: the work is not
    done. Processes that are forked meanwhile end as they ask to.
    """
    process, thread, before = os.getpid(), threading.get_ident(), os._exit

    def raised(status: int) -> NoReturn:
        if os.getpid() != process:
            end_now(status)
        if threading.get_ident() != thread:
            end_now(status or ExitCode.FAILED)
        raise SystemExit(status)

    _replace(raised)
    try:
        yield
    finally:
        _replace(before)


def _replace(function: Callable[[int], NoReturn]) -> None:
    # os takes its functions from posix, and code may call either.
    os._exit = posix._exit = function  # type: ignore[assignment]
