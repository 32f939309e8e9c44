"""The first session on a GPU as one command of at most 8 minutes; on a CPU its rehearsal.

    python -m benchmarks.gpu --kind cuda|cpu [--only PART ...] [--out FILE]
    python -m benchmarks.gpu --table FILE

Every part is a process with a limit of its own, and prints one line of JSON as soon as it is done:
`part`, `ok`, `seconds`, `expected` and `measured`, and after a failure `error` and the end of what
the process wrote. A part that fails or hangs is killed and does not end the others. `--out` keeps
the lines, and one profiler trace beside them; `--table` sets what was expected beside what was
measured. Exit code 1: some part was not as expected.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gpu.parts import ALL_SECONDS, SLOWER, chosen
from benchmarks.gpu.runner import Line, Queue
from benchmarks.gpu.table import table


def session(kind: str, names: list[str] | None, trace: Path | None) -> Iterator[Line]:
    """Run parts; yield the line of each as soon as it has ended."""
    slower = SLOWER if kind == "cpu" else 1
    end = time.monotonic() + slower * ALL_SECONDS
    with Queue(chosen(names), kind, trace) as queue:
        while child := queue.take():
            left = end - time.monotonic()
            if left < 1:
                child.end()
                yield {"part": child.part.name, "ok": False, "error": "no time was left"}
                continue
            yield child.run(min(left, slower * child.part.seconds))


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--kind", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", nargs="+", metavar="PART")
    parser.add_argument("--out", type=Path, help="a new file for the lines of JSON")
    parser.add_argument("--table", type=Path, help="print the table of such a file, and end")
    options = parser.parse_args()
    if options.table:
        lines = [json.loads(text) for text in options.table.read_text().splitlines()]
        sys.stdout.write(table(lines))
        return 0
    trace = options.out.with_suffix(".trace.json.gz") if options.out else None
    right = True
    for line in session(options.kind, options.only, trace):
        text = json.dumps(line)
        print(text, flush=True)
        right &= line["ok"]
        if options.out:
            with options.out.open("a") as file:
                file.write(text + "\n")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
