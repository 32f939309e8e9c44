"""`compound status --watch`: how far a study is, until nobody runs it any more."""

import sys
import time

from compound.orchestrator.cli.printing.live_lines import LiveLines
from compound.orchestrator.cli.printing.named_study import opened
from compound.orchestrator.cli.printing.output import is_terminal, say
from compound.orchestrator.cli.printing.progress_screen import is_live
from compound.orchestrator.cli.printing.widths import shortened
from compound.orchestrator.cli.study.status import status
from compound.orchestrator.overview.study_now import StudyNow, study_now
from compound.orchestrator.timeline.study_progress import job_lines, log_line, study_lines

LOOK_S, LOG_S = 2.0, 30.0
"""Seconds between two looks at the store: on a terminal, and for a log."""


def watch(study: str, uri: str | None) -> None:
    """Show a study while it runs, then its status; the exit code is that of `status`.

    StoreError: the store or the study is gone, also while it is watched.
    """
    if is_terminal(sys.stdout) and is_live():
        _redraw(study, uri)
    else:
        _log(study, uri)
    status(study, uri, as_json=False)


def _redraw(study: str, uri: str | None) -> None:
    now, address = _read(study, uri)
    with LiveLines(lambda width, rows: _frame(now, address, width, rows)) as lines:
        while now.driver:
            lines.paint()
            time.sleep(LOOK_S)
            now, address = _read(study, uri)


def _log(study: str, uri: str | None) -> None:
    while (now := _read(study, uri)[0]).driver:
        say(f"{time.strftime('%H:%M:%S')} {log_line(now.progress)}")
        time.sleep(LOG_S)


def _read(study: str, uri: str | None) -> tuple[StudyNow, str]:
    """Read a study as it stands, and its store's address; the store is opened anew each time."""
    name, store = opened(study, uri)
    return study_now(store, name), store.uri


def _frame(now: StudyNow, address: str, width: int, rows: int) -> list[str]:
    progress = now.progress
    head = shortened(f"{now.status.spec.name} in {address}", width)
    below = study_lines(progress, width)
    return [head, *job_lines(progress.running, width, rows - 1 - len(below)), *below]
