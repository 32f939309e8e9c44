"""`compound` and `python -m compound`: parse, run, and turn errors into words and exit codes.

0 ok, 1 the run failed, 2 bad usage or bad spec, 130 interrupted, 141 nobody reads the output.
"""

import gc
import sys
import traceback

from compound.orchestrator.cli.app import app
from compound.orchestrator.cli.printing.closed_streams import ends_with_its_reader, open_missing
from compound.schemas.errors import CompoundError

INTERRUPTED = 130
_GC_THRESHOLDS = (100_000, 50, 100)
"""With Python's own thresholds the collector scans ten thousand jobs' records again and again while
they are read, and frees nothing: a third of the time of `plan`, `status` and `report`."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit. `--debug`, anywhere, shows the traceback of an error."""
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    gc.set_threshold(*_GC_THRESHOLDS)
    open_missing()
    try:
        with ends_with_its_reader():
            app([word for word in words if word != "--debug"], prog_name="compound")
    except CompoundError as error:
        _fail(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        _fail("interrupted; type the same command again to resume", INTERRUPTED, debug)
    except ModuleNotFoundError as error:
        _fail(_missing_package(error), 1, debug)
    except Exception as error:
        _fail(f"internal error: {type(error).__name__}: {error}\n  next: --debug", 1, debug)


def _missing_package(error: ModuleNotFoundError) -> str:
    """Name the package that this command needs. Any other missing module is a bug in Compound."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "compound"):
        return f"internal error: {type(error).__name__}: {error}\n  next: --debug"
    names = {"sklearn": "scikit-learn", "PIL": "pillow", "ruamel": "ruamel.yaml"}
    package = names.get(package, package)
    text = f"this needs the package {package}, which is not installed here"
    return f"{text}\n  next: pip install {package}"


def _fail(message: str, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    sys.stderr.write(f"compound: {message}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
