"""A line of Python as a command to type: this interpreter, and modules from given folders."""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path


def python_command(code: str, folders: Sequence[str] = ()) -> str:
    """Return a shell command that runs code in any folder as this process would.

    `folders` are searched for modules before anything installed.
    """
    paths = list(dict.fromkeys(str(Path(folder).absolute()) for folder in folders))
    # Not PYTHONPATH: that would replace the user's own.
    search = f"import sys; sys.path[:0] = {json.dumps(paths)}; " if paths else ""
    return f"{shlex.quote(sys.executable or 'python')} -c {shlex.quote(search + code)}"
