"""The first session on a GPU as one command of at most 8 minutes; on a CPU its rehearsal.

    python -m benchmarks.gpu --kind cuda|cpu [--only PART ...] [--out FILE]
    python -m benchmarks.gpu --table FILE

Every part is a process with a limit of its own, and prints one line of JSON as soon as it is done:
`kind`, `date` of the session, `part`, `ok`, `seconds`, `expected` and `measured`, and after a
failure `error` and the end of what the process wrote. A part that fails or hangs is killed and does
not end the others. `--out` adds the lines to a file, and keeps one profiler trace beside it;
`--table` sets what was expected beside what was measured. Exit code 1: some part was not as
expected, or there is no GPU for `--kind cuda`; 2: what was typed is not right.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from compound.jobs.gpu.visible_gpus import gpus_here
from tests.support.gpu_session.parts import ALL_SECONDS, SLOWER, Part, chosen
from tests.support.gpu_session.runner import Line, Queue
from tests.support.gpu_session.table import opened_for_more, read, report, right


def session(kind: str, parts: tuple[Part, ...], trace: Path | None) -> Iterator[Line]:
    """Run parts; yield the line of each as soon as it has ended."""
    slower = SLOWER if kind == "cpu" else 1
    end = time.monotonic() + slower * ALL_SECONDS
    head: Line = {"kind": kind, "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}
    with Queue(parts, kind, trace) as queue:
        while child := queue.take():
            left = end - time.monotonic()
            if left < 1:
                child.end()
                late = {"part": child.part.name, "title": child.part.title, "ok": False}
                yield head | late | {"error": "no time was left"}
                continue
            yield head | child.run(min(left, slower * child.part.seconds))


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    does = parser.add_mutually_exclusive_group(required=True)
    does.add_argument("--kind", choices=("cuda", "cpu"), help="where to run; cpu is a rehearsal")
    does.add_argument("--table", type=Path, metavar="FILE", help="print such a file's table")
    parser.add_argument("--only", nargs="+", metavar="PART")
    parser.add_argument("--out", type=Path, metavar="FILE", help="add the lines to this file")
    options = parser.parse_args()
    try:
        if options.table:
            return _table(options.table)
        parts = chosen(options.only)
        if options.kind == "cuda" and (lacking := hindrance()):
            sys.stderr.write(lacking)
            return 1
        file = opened_for_more(options.out) if options.out else None
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except ValueError as error:
        parser.error(str(error))
    trace = options.out.with_suffix(".trace.json.gz") if options.out else None
    return _run(session(options.kind, parts, trace), file)


def hindrance() -> str:
    """Return why no part can run on a GPU, with what to type; empty where one can."""
    gpus = gpus_here()
    if gpus.devices:
        return ""
    why = gpus.limitation or "on this machine the NVIDIA driver lists no device"
    return f"{why}: no part was run\n  next: compound doctor; or --kind cpu for a rehearsal\n"


def _table(path: Path) -> int:
    """Print the table of a file.

    ValueError: it holds no line of a session.
    """
    lines, cut = read(path)
    if not lines:
        raise ValueError(f"{path} holds no whole line of a session")
    sys.stdout.write(report(lines, cut))
    return 0 if right(lines) and not cut else 1


def _run(lines: Iterator[Line], file: TextIO | None) -> int:
    good = True
    for line in lines:
        text = json.dumps(line)
        print(text, flush=True)
        good &= line["ok"]
        if file:
            file.write(text + "\n")
            file.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
