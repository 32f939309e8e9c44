"""The command line: parse, run, and turn errors into words and exit codes.

schemas/errors.py decides the codes; docs/reference/exit-codes.md has their table.
"""

import gc
import os
import sys
import traceback
from contextlib import suppress

from compound.jobs.wording.interrupted import SENTENCE
from compound.jobs.wording.machine_errors import in_words
from compound.jobs.wording.plain_streams import open_streams
from compound.jobs.wording.printable import in_line
from compound.orchestrator.cli.app import app
from compound.orchestrator.cli.parsing.usage_errors import in_our_form
from compound.orchestrator.cli.printing.closed_streams import drop, ends_with_its_reader
from compound.orchestrator.cli.printing.command_line import as_typed, typed_program
from compound.orchestrator.cli.printing.output import fitting, terminal_width
from compound.schemas.errors import ExitCode, FactoryError

_GC_THRESHOLDS = (100_000, 50, 100)
"""With Python's own thresholds the collector scans ten thousand jobs' records again and again while
they are read, and frees nothing: a third of the time of `plan`, `status` and `report`."""


def run(arguments: list[str] | None = None) -> None:
    """Run one command and exit. `--debug`, anywhere, shows the traceback of an error."""
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    gc.set_threshold(*_GC_THRESHOLDS)
    open_streams()
    # Typer colours its help for FORCE_COLOR and in GitHub Actions even where it is told that there
    # is no terminal; colours would be shown as escapes.
    os.environ.setdefault("_TYPER_FORCE_DISABLE_TERMINAL", "1")
    try:
        with ends_with_its_reader():
            _run([word for word in words if word != "--debug"])
    except (Exception, KeyboardInterrupt) as error:
        message, code = _in_words(in_our_form(error, words, app) or error)
        message = fitting(f"compound: {as_typed(message, typed_program(sys.argv[0]))}", sys.stderr)
        _print_error(traceback.format_exc() if debug else "", f"{message}\n")
        sys.exit(code)


def _run(words: list[str]) -> None:
    """Run the command; OSError: what it printed last cannot be written, as on a full disk."""
    try:
        # Without a width click takes at least 50 columns, and at most 80.
        width = terminal_width(sys.stdout)
        typed = words or ["--help"]
        code = app(typed, prog_name="compound", terminal_width=width, standalone_mode=False)
    except SystemExit as end:
        if _was_interrupted(end):
            raise KeyboardInterrupt from None
        sys.stdout.flush()
        raise
    if code == ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    sys.stdout.flush()
    # click itself exits only in its standalone mode.
    sys.exit(code or ExitCode.OK)


def _was_interrupted(end: BaseException) -> bool:
    """Whether typer has turned a KeyboardInterrupt into a code, without a word."""
    cause: BaseException | None = end
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _in_words(error: BaseException) -> tuple[str, ExitCode]:
    """Return what to print about an error, and the exit code."""
    if isinstance(error, KeyboardInterrupt):
        return SENTENCE, ExitCode.INTERRUPTED
    refused = in_words(error)
    if refused is not None:
        # An argument with a newline would let its rest look like a line of ours. Errors in a
        # user's own network have lines of its code.
        if not isinstance(refused, FactoryError):
            refused.message = in_line(refused.message)
        return str(refused), refused.exit_code
    if isinstance(error, ModuleNotFoundError):
        return _missing_package(error), ExitCode.FAILED
    return _internal(error), ExitCode.FAILED


def _internal(error: BaseException) -> str:
    return f"internal error: {type(error).__name__}: {error}\n  next: --debug"


def _print_error(*texts: str) -> None:
    """Print to stderr; leave nothing in a stream that cannot be written, as on a full disk."""
    for text in texts:
        with suppress(OSError):
            sys.stderr.write(text)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            drop(number)


def _missing_package(error: ModuleNotFoundError) -> str:
    """Name the package that this command needs. Any other missing module is a bug in Compound."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "compound"):
        return _internal(error)
    names = {"sklearn": "scikit-learn", "PIL": "pillow", "ruamel": "ruamel.yaml"}
    package = names.get(package, package)
    text = f"this needs the package {package}, which is not installed here"
    return f"{text}\n  next: pip install {package}"
