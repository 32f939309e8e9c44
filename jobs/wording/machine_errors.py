"""What the machine or the user's own names and files cause, in words.

Whatever is not here is a fault of the program itself, and stays an internal error.
"""

import locale
import sys

from compound.jobs.wording.os_errors import machine_error
from compound.jobs.wording.printable import in_line
from compound.schemas.errors import CompoundError, MachineError

_FREE = "free memory (free -h), or lower `workers`, `batch` and `cpus`; ulimit -v shows the limit"
_NO_ROOM = ("can't allocate memory", "cannot allocate memory", "bad_alloc", "bad allocation")
"""How torch, OpenMP and C++ say in a RuntimeError that memory has run out."""
_NO_THREAD = "can't start new thread"
"""RuntimeError of Python's threading, for EAGAIN of the system."""


def in_words(error: BaseException) -> CompoundError | None:
    """Return what, where and what to do; None for an error that is the program's own."""
    match error:
        case CompoundError():
            return error
        case OSError():
            return machine_error(error)
        case MemoryError():
            return MachineError(f"there is not enough memory{_size(error)}", next_step=_FREE)
        case RecursionError():
            return MachineError(
                "a file or a value is nested too deeply",
                allowed="a few hundred levels",
                next_step="make it flatter; --debug shows the place",
            )
    return _by_text(error)


def _by_text(error: BaseException) -> CompoundError | None:
    text = str(error)
    # pydantic's error has the same text as UnicodeEncodeError.
    if "surrogates not allowed" in text:
        return _not_utf8()
    if isinstance(error, UnicodeError):
        return _undecodable(error) if _is_utf8() else _locale(text)
    if isinstance(error, RuntimeError) and any(words in text for words in _NO_ROOM):
        return MachineError("there is not enough memory", next_step=_FREE)
    if isinstance(error, RuntimeError) and _NO_THREAD in text:
        return MachineError(
            "no more threads can be started",
            next_step="free memory, or raise the limit: ulimit -u 65536; the cgroup's pids.max",
        )
    return None


def _size(error: MemoryError) -> str:
    """Return what numpy and Arrow say of the block that they asked for."""
    return f" ({in_line(str(error))})" if str(error) else ""


def _not_utf8() -> CompoundError:
    """Python keeps such names as lone surrogates (PEP 383), which JSON and hashes refuse."""
    return MachineError(
        "a name on the command line or in the data is not UTF-8, so it cannot be stored",
        allowed="names of files and folders in UTF-8",
        next_step="convmv -f ISO-8859-1 -t UTF-8 --notest -r FOLDER, or rename it",
    )


def _locale(text: str) -> CompoundError:
    return MachineError(
        f"the locale has no letters for a name or a text ({in_line(text)})",
        allowed="a locale with UTF-8",
        next_step="export PYTHONUTF8=1, then the same command again",
    )


def _undecodable(error: UnicodeError) -> CompoundError:
    start = getattr(error, "start", None)
    fault = "" if start is None else f": {getattr(error, 'reason', '')} at position {start}"
    codec = getattr(error, "encoding", "utf-8")
    return MachineError(
        f"a name or a text is not {codec}{in_line(fault)}",
        allowed="names and texts in UTF-8",
        next_step="iconv -f ISO-8859-1 -t UTF-8 FILE, or rename it; --debug shows the place",
    )


def _is_utf8() -> bool:
    """Whether names of files and texts without an encoding of their own are UTF-8."""
    names = (sys.getfilesystemencoding(), locale.getencoding())
    return all(name.lower().replace("-", "") == "utf8" for name in names)
