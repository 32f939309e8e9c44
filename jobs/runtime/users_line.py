"""The line of a user's own code in which an error arose, for messages that end with it."""

import sysconfig
import traceback
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_OURS = tuple(str(_ROOT / name) for name in ("schemas", "jobs", "cluster", "orchestrator"))
_PYTHON = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
_INSTALLED = {"site-packages", "dist-packages"}
LINE = "\n  at "
"""Stands between a message and the line."""


def with_users_line(message: str, error: BaseException) -> str:
    """Return the message with the deepest line of code that is neither ours nor installed."""
    if LINE in message:
        return message
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if _is_users(frame.filename)]
    if not theirs:
        return message
    last = theirs[-1]
    return f"{message}{LINE}{last.filename}:{last.lineno}, in {last.name}: {last.line}"


def _is_users(name: str) -> bool:
    # Code made at run time has a name such as <string>.
    if name.startswith("<") or _INSTALLED & set(Path(name).parts):
        return False
    path = str(Path(name).resolve())
    return not path.startswith((*_OURS, *_PYTHON))
