"""SIGINT and SIGTERM end a command with a sentence and 130, at whatever moment they come.

Imports nothing heavy: it works before the packages of a command are imported.
"""

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SENTENCE = "interrupted; type the same command again to resume"
CODE = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_now(number: int = 0, frame: FrameType | None = None) -> None:
    """End the process: where an exception would get lost, as in the middle of an import."""
    os.write(2, f"compound: {SENTENCE}\n".encode())
    os._exit(CODE)


class Interrupting:
    """A handler that raises KeyboardInterrupt, and remembers it."""

    raised = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, as Python's own handler does."""
        self.raised = True
        raise KeyboardInterrupt


def raise_on_signals() -> None:
    """Let both signals raise KeyboardInterrupt, so that files and locks are left in order."""
    _handle(Interrupting())
    # A callback that an interrupt hits, such as one of a lock of imports, cannot raise it: Python
    # would print it as ignored, and go on.
    before = sys.unraisablehook

    def hook(lost: "sys.UnraisableHookArgs") -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            end_now()
        before(lost)

    sys.unraisablehook = hook


def raise_swallowed() -> None:
    """Raise KeyboardInterrupt again where a signal has come, and the command runs on.

    Packages catch everything in places, also while they are imported. A command calls this before
    it begins what takes long.
    """
    handlers = map(signal.getsignal, _SIGNALS)
    if any(isinstance(handler, Interrupting) and handler.raised for handler in handlers):
        raise KeyboardInterrupt


@contextmanager
def ending_by_signals(*, for_good: bool) -> Iterator[None]:
    """End the process at a signal, until something else handles them.

    `for_good`: the process ends after it; otherwise all is as it was before.
    """
    handlers, hook = {number: signal.getsignal(number) for number in _SIGNALS}, sys.unraisablehook
    _handle(end_now)
    if for_good:
        # Python takes its handlers away before its last milliseconds, when all is done and said.
        # What is registered first is called last.
        atexit.register(_handle, signal.SIG_IGN)
    try:
        yield
    finally:
        if for_good:
            _handle(end_now)
        else:
            sys.unraisablehook = hook
            for number, handler in handlers.items():
                _set(number, handler)


def _handle(handler: "signal._HANDLER") -> None:
    for number in _SIGNALS:
        # Ignored is what nohup and a shell's `&` ask for.
        if signal.getsignal(number) != signal.SIG_IGN:
            _set(number, handler)


def _set(number: int, handler: "signal._HANDLER") -> None:
    try:
        signal.signal(number, handler)
    except ValueError:
        return  # not in the main thread, which alone gets signals
