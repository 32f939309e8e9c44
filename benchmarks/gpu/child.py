"""One part, in a process of its own.

    python -m benchmarks.gpu.child PART KIND [TRACE]

Imports first and waits for a line on stdin before it begins: the next part imports while one runs,
which leaves a GPU's minutes to the measuring. Figures go to stdout; whatever else a library prints
goes to stderr.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

from compound.jobs.runtime.torch_settings import settled
from tests.support.gpu_session.parts import chosen
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench


def main() -> int:
    """Run the part that the arguments name."""
    name, kind, *trace = sys.argv[1:]
    figures = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    part = importlib.import_module(f"benchmarks.gpu.{chosen([name])[0].module}")
    bench = Bench.of(kind, Path(trace[0]) if trace else None)
    if not sys.stdin.readline():
        return 1  # the parent process has ended
    recorder = Recorder(figures)
    try:
        with settled(bench.process.threads):  # what a job starts from: full float32
            part.measure(bench, recorder)
    except BaseException as error:
        traceback.print_exc()
        recorder.end(f"{type(error).__name__}: {error}"[:600])
        return 1
    recorder.end()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a broken context would raise again in the destructors
