"""The command line, run in this process: torch and Ray are imported once, not once a command.

What belongs to the whole process is put back afterwards, so that a command changes nothing for the
tests that follow it: the folder, the environment, paths and modules of a user, signal handlers,
log levels, the thresholds of the garbage collector and the threads of torch.
tests/orchestrator/test_command_process.py runs the commands as processes.
"""

import gc
import io
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

from compound.orchestrator.__main__ import main

_LOGGERS = ("ray", "ray.data", "ray.tune", "ray.train", "mlflow")
"""Loggers whose level a command sets."""


def compound(*words: str, cwd: Path | None = None) -> CompletedProcess[str]:
    """Run a command as a user types it; return its exit code and what it printed."""
    out, err = _stream(), _stream()
    with _same_process(cwd), _logged_to(err), redirect_stdout(out), redirect_stderr(err):
        try:
            main(list(words))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return CompletedProcess(["compound", *words], code, _text(out), _text(err))


def _stream() -> io.TextIOWrapper:
    """Return a stream with a buffer for bytes under it, as stdout has."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@contextmanager
def _same_process(cwd: Path | None) -> Iterator[None]:
    folder, environment, path = os.getcwd(), dict(os.environ), list(sys.path)
    modules, thresholds = set(sys.modules), gc.get_threshold()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    threads = sys.modules["torch"].get_num_threads() if "torch" in modules else None
    if cwd is not None:
        os.chdir(cwd)
        # `python -m` puts the folder first, where a user's own module is found.
        sys.path.insert(0, str(cwd))
    try:
        yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _forget(set(sys.modules) - modules, set(sys.path) - set(path))
        sys.path[:] = path
        gc.set_threshold(*thresholds)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if threads is not None:
            sys.modules["torch"].set_num_threads(threads)


@contextmanager
def _logged_to(stream: io.TextIOWrapper) -> Iterator[None]:
    """Print warnings to stderr, as logging does in a process without a handler of its own."""
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _forget(modules: set[str], folders: set[str]) -> None:
    """Drop modules of a user's folders, so that the next command imports them anew."""
    for name in modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if any(file.startswith(f"{folder}{os.sep}") for folder in folders if folder):
            del sys.modules[name]
