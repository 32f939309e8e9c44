"""Part 10: a device assert breaks the process's context. What becomes of this job and of the next?

The jobs run in a process that may be lost: `python -m benchmarks.gpu.broken KIND`.
"""

import json
import subprocess
import sys
import tempfile

from compound.schemas.job import JobResult, TrainJob
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench, job_of, trained
from tests.support.small_network import SMALL


def measure(bench: Bench, recorder: Recorder) -> None:
    """Break a process's context by a label outside the classes; then train in a new process."""
    command = [sys.executable, "-m", "benchmarks.gpu.broken", bench.kind]
    child = subprocess.run(command, capture_output=True, text=True)
    lines = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("{")]
    names = ("a label outside the classes", "a sound job after it, in the same process")
    for name, line in zip(names, lines, strict=False):
        recorder.tell(name, line)
    first = lines[0] if lines else {"status": child.stderr[-300:]}
    recorder.tell("the first is told", first["status"], "failed", first["status"] == "failed")
    recorder.tell("exit code of that process", child.returncode)
    with tempfile.TemporaryDirectory() as folder:
        status = trained(_sound(), bench, folder).status
    recorder.tell("a sound job in a new process", status, "done", status == "done")


def jobs(bench: Bench) -> list[TrainJob]:
    """Return the job that breaks a context and the one after it, the same on all devices."""
    return [_unsound(), _sound()]


def _sound() -> TrainJob:
    return job_of(SMALL, 64, epochs=1, batch=32)


def _unsound() -> TrainJob:
    """Return a job whose network knows two classes, on images of ten."""
    job = job_of(SMALL, 64, seed=1, epochs=1, batch=32)
    few = job.architecture.model_copy(update={"num_classes": 2})
    return job.model_copy(update={"architecture": few})


def main() -> None:
    """Train the unsound job past the check that would refuse it, then a sound one."""
    from compound.jobs import run_job as running

    setattr(running, "_check_fit", lambda job, source: None)  # noqa: B010
    bench = Bench.of(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for job in jobs(bench):
            sys.stdout.write(json.dumps(_line(trained(job, bench, folder))) + "\n")
            sys.stdout.flush()


def _line(result: JobResult) -> dict[str, str]:
    cause = result.cause
    if cause is None:
        return {"status": result.status}
    text = cause.message.partition("\n")[0][:200]
    return {"status": result.status, "kind": cause.kind, "text": text}


if __name__ == "__main__":
    main()
