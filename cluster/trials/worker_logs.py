"""What a worker wrote before it died, where Ray itself has no cause: an import that failed."""

import re
from pathlib import Path

from ray._private.worker import global_worker

_ERROR = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Exit)\b.*")
_MOST = 20
"""Files that are looked at: those of the newest workers."""
_BYTES = 200_000


def last_error() -> str:
    """Return the last error in the logs of this host's workers, with its file; "" without one.

    Tune passes on no error of an actor whose code could not be imported (Ray 2.60).
    """
    node = global_worker.node
    return error_in(Path(node.get_logs_dir_path())) if node else ""


def error_in(folder: Path) -> str:
    """Return the last line of the newest worker's log that is an error, with its file."""
    try:
        files = sorted(folder.glob("worker-*.err"), key=lambda file: file.stat().st_mtime)
        for file in files[: -_MOST - 1 : -1]:
            with file.open("rb") as log:
                text = log.read(_BYTES).decode(errors="replace")
            errors = [line for line in text.splitlines() if _ERROR.match(line)]
            if errors:
                return f"{errors[-1][:300]} (from {file})"
    except OSError:
        return ""  # Ray may delete old logs while they are read
    return ""
