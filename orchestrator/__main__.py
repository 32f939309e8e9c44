"""`compound` and `python -m compound`: parse, run, and turn errors into words and exit codes.

schemas/errors.py decides the codes; docs/exit_codes.md has their table.
"""

import gc
import locale
import sys
import traceback

from compound.orchestrator.cli.app import app
from compound.orchestrator.cli.printing.closed_streams import drop_stdout, ends_with_its_reader
from compound.orchestrator.cli.printing.streams import open_streams
from compound.orchestrator.wording.os_errors import machine_error
from compound.orchestrator.wording.printable import in_line, printable
from compound.schemas.errors import CompoundError, ExitCode

_GC_THRESHOLDS = (100_000, 50, 100)
"""With Python's own thresholds the collector scans ten thousand jobs' records again and again while
they are read, and frees nothing: a third of the time of `plan`, `status` and `report`."""

_NOT_UTF8 = (
    "a name on the command line or in the data is not UTF-8, so it cannot be stored\n"
    "  allowed: names of files and folders in UTF-8\n"
    "  next: convmv -f ISO-8859-1 -t UTF-8 --notest -r FOLDER, or rename it"
)
"""Of UnicodeEncodeError and of pydantic's error with the same text: Python keeps such names as lone
surrogates (PEP 383), which JSON and hashes refuse."""


_LOCALE = "the locale has no letters for a name or a text"
_TO_UTF8 = (
    "\n  allowed: a locale with UTF-8\n  next: export PYTHONUTF8=1, then the same command again"
)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit. `--debug`, anywhere, shows the traceback of an error."""
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    gc.set_threshold(*_GC_THRESHOLDS)
    open_streams()
    try:
        with ends_with_its_reader():
            app([word for word in words if word != "--debug"], prog_name="compound")
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        message, code = _in_words(error)
        sys.stderr.write(f"compound: {printable(message)}\n")
        _flush_or_drop()
        sys.exit(code)


def _in_words(error: BaseException) -> tuple[str, ExitCode]:
    """Return what to print about an error, and the exit code."""
    match error:
        case CompoundError():
            return str(error), error.exit_code
        case KeyboardInterrupt():
            return "interrupted; type the same command again to resume", ExitCode.INTERRUPTED
        case OSError():
            refused = machine_error(error)
            return str(refused), refused.exit_code
        case _ if "surrogates not allowed" in str(error):
            return _NOT_UTF8, ExitCode.REFUSED
        case UnicodeError() if not _is_utf8():
            return f"{_LOCALE} ({in_line(str(error))}){_TO_UTF8}", ExitCode.REFUSED
        case MemoryError():
            return "there is not enough memory\n  next: a machine with more", ExitCode.FAILED
        case ModuleNotFoundError():
            return _missing_package(error), ExitCode.FAILED
    return _internal(error), ExitCode.FAILED


def _is_utf8() -> bool:
    """Whether names of files and texts without an encoding of their own are UTF-8."""
    names = (sys.getfilesystemencoding(), locale.getencoding())
    return all(name.lower().replace("-", "") == "utf8" for name in names)


def _internal(error: BaseException) -> str:
    return f"internal error: {type(error).__name__}: {error}\n  next: --debug"


def _flush_or_drop() -> None:
    """Leave nothing in stdout that cannot be written, as on a full disk."""
    try:
        sys.stdout.flush()
    except OSError:
        drop_stdout()


def _missing_package(error: ModuleNotFoundError) -> str:
    """Name the package that this command needs. Any other missing module is a bug in Compound."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "compound"):
        return _internal(error)
    names = {"sklearn": "scikit-learn", "PIL": "pillow", "ruamel": "ruamel.yaml"}
    package = names.get(package, package)
    text = f"this needs the package {package}, which is not installed here"
    return f"{text}\n  next: pip install {package}"


if __name__ == "__main__":
    main()
