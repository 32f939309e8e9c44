"""Shows a page in the user's browser, where there is a display."""

import os
import sys
import webbrowser
from pathlib import Path

from compound.orchestrator.cli.printing.output import note


def open_in_browser(path: str) -> None:
    """Open a file in a browser; where none can be opened, say where the file lies instead."""
    if "://" in path:
        note("not opened: the report lies in a bucket; --output FILE makes a copy to open")
        return
    page = Path(path).resolve()
    if not (has_display() and webbrowser.open(page.as_uri())):
        note(f"not opened: no browser can be shown here; open {page}")


def has_display() -> bool:
    """Whether windows can be shown: without a display webbrowser would start a text browser, which
    takes the terminal. BROWSER names one that the user wants in any case."""
    if sys.platform in ("darwin", "win32") or os.environ.get("BROWSER"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
