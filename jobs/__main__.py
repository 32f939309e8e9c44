"""One job from the command line, without a cluster.

    python -m compound.jobs job.json --store URI [--cpus N] [--allow-import]
    torchrun --nproc-per-node 2 -m compound.jobs job.json --store URI

Rows go to stderr, the result as one JSON document to stdout. Exit codes: 0 done, 1 failed,
2 bad usage, 130 stopped by SIGINT or SIGTERM (the same command resumes). A lone process stops after
the current step, several at their next checkpoint or epoch.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import NoReturn, Self

import torch
from pydantic import ValidationError
from torch import distributed

from compound.jobs.gpu.memory_share import keep_to_share
from compound.jobs.gpu.visible_gpus import VARIABLE, gpus_here, is_instance, part_for, sharers
from compound.jobs.parallel.collective import end_process, join, leave, summed
from compound.jobs.parallel.failure import GAVE_UP, classify
from compound.jobs.regular_file import read_document
from compound.jobs.run_job import Process, run_request
from compound.jobs.runtime.malloc import keep_freed
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checksummed_json import unseal, version_of
from compound.jobs.training.data_cache import DataCache
from compound.jobs.wording.machine_errors import in_words
from compound.jobs.wording.os_errors import refused_as
from compound.jobs.wording.plain_streams import open_streams
from compound.schemas.errors import ClusterError, CompoundError, SpecError
from compound.schemas.job import Cause, EpochRow, JobRequest, JobResult, Resources, TrainJob

FAILED, INTERRUPTED = 1, 130


class StopFlag:
    """Set by the first SIGINT or SIGTERM inside its `with`; read between steps and epochs.

    A second SIGINT ends a lone process at once, but not one under a launcher: torchrun passes on
    the signal that the terminal has already sent to the whole process group.
    """

    def __init__(self, alone: bool) -> None:
        self.set, self._alone = False, alone

    def __enter__(self) -> Self:
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._on_signal) for number in numbers}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.set and self._alone and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.set = True


def main(arguments: list[str] | None = None) -> int:
    """Run the job that the arguments name; return the exit code.

    A rank whose job has failed stays in its process group, see `end_process`.
    """
    options = _parser().parse_args(arguments)
    try:
        request = _request(options.job)
        imports = tuple(options.import_from or [os.getcwd()]) if options.allow_import else ()
        process = _process(request.resources, options.cpus, imports)
        several = process.world_size > 1
        code = _train(request, ArtifactStore.open(options.store, patient=several), process)
        if several and code != FAILED:
            leave()
        return code
    except CompoundError as error:
        sys.stderr.write(f"{error}\n")
        if not isinstance(error, SpecError):  # bad usage, which the lines above explain
            _report_cause(classify(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compound.jobs", description="Train one job.")
    parser.add_argument("job", type=Path, help="a JobRequest as JSON, or job.json of a store")
    parser.add_argument("--store", required=True, help="where rows, checkpoints and results go")
    parser.add_argument("--cpus", type=int, help="threads of this process, over the request's")
    parser.add_argument(
        "--allow-import",
        action="store_true",
        help="import the factory that the job names, which runs its code",
    )
    parser.add_argument(
        "--import-from",
        metavar="FOLDER",
        action="append",
        help="with --allow-import: a folder that holds the factory; by default the working folder",
    )
    return parser


def _request(path: Path) -> JobRequest:
    """Read a request; the job.json of a store gets one worker for each process of the launcher."""
    try:
        data = read_document(path)
        if version_of(data):
            workers = int(os.environ.get("WORLD_SIZE", 1))
            job = unseal(data, TrainJob, str(path), None)
            return JobRequest(job=job, resources=Resources(workers=workers, gpus="auto"))
        return JobRequest.model_validate_json(data)
    except OSError as error:
        raise refused_as(SpecError, "cannot be read", path, error) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise SpecError(
            f"not a job request: {key}: {first['msg']}",
            where=str(path),
            allowed="a JobRequest as JSON, or job.json of a store (runs/jobs/ID/job.json)",
        ) from error


def _process(resources: Resources, cpus: int | None, imports: tuple[str, ...]) -> Process:
    """Return this process, inside its process group if a launcher has started several."""
    rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    resources = _with_gpus(resources, int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
    device = _device(resources, int(os.environ.get("LOCAL_RANK", 0)))
    keep_to_share(device, float(resources.gpus))
    process = Process(
        rank,
        world_size,
        device,
        cpus or resources.cpus,
        resources.most_workers,
        imports,
        resources.parallel,
    )
    if device.type == "cuda" and world_size > 1:
        # Streams, and NCCL's collectives on them, are those of the current device.
        torch.cuda.set_device(device)
    if world_size > 1:
        join(process, resources.patience, float(resources.gpus))
    return process


def _with_gpus(resources: Resources, workers: int) -> Resources:
    """Decide `gpus: auto` for so many workers on this machine, some of which may share a GPU."""
    if resources.gpus != "auto":
        return resources
    present = len(gpus_here().devices)
    gpus = part_for(max(1, -(-workers // present))) if present else 0.0
    return resources.model_copy(update={"gpus": gpus})


def _device(resources: Resources, local_rank: int) -> torch.device:
    """Return this rank's device; fractions share a GPU. ClusterError: there are too few GPUs."""
    size = float(resources.gpus)
    if size == 0:
        return torch.device("cpu")
    gpus = gpus_here()
    index = local_rank // sharers(size) if size < 1 else local_rank * int(size)
    if index >= len(gpus.devices):
        count = len(gpus.devices)
        raise ClusterError(
            f"worker {local_rank} of this machine needs {size:g} GPU{'s' if size > 1 else ''}, "
            f"and there are {count}" + (f": {gpus.lacking}" if gpus.lacking else ""),
            next_step="set `gpus: 0` in the job's resources, or start fewer workers",
        )
    if is_instance(gpus.devices[index]):
        # CUDA lists at most one MIG instance for a process, so it is chosen by its UUID (NVIDIA MIG
        # user guide, CUDA device enumeration).
        os.environ[VARIABLE], index = gpus.devices[index].uuid, 0
    return torch.device("cuda", index)


def _train(request: JobRequest, store: ArtifactStore, process: Process) -> int:
    keep_freed()
    stop = StopFlag(alone=process.world_size == 1)
    epochs = run_request(request, store, process, DataCache(), lambda: stop.set)
    with stop:
        result = _drive(epochs, _reporter(request, process), lambda: _agreed(stop, process))
    if result is None and process.leads:
        result = store.result(request.job.id)
    if result is not None and result.cause is not None and result.status == "failed":
        _report_cause(result.cause)
    if result is not None and process.leads:
        sys.stdout.write(result.model_dump_json(ensure_ascii=True) + "\n")
        sys.stdout.flush()
    if result is None or result.status == "stopped":
        return INTERRUPTED
    return 0 if result.status == "done" else FAILED


def _report_cause(cause: Cause) -> None:
    """Write on stderr why this process ends, for its parent: the store may not have it."""
    sys.stderr.write(f"{GAVE_UP}{cause.model_dump_json(ensure_ascii=True)}\n")


def _drive(
    epochs: Generator[EpochRow, None, JobResult],
    report: Callable[[EpochRow], None],
    stopping: Callable[[], bool],
) -> JobResult | None:
    """Run a job to its end, or close it after an epoch; None if it was closed."""
    while True:
        try:
            report(next(epochs))
        except StopIteration as end:
            result: JobResult = end.value
            return result
        if stopping():
            epochs.close()
            return None


def _agreed(stop: StopFlag, process: Process) -> bool:
    """Whether any rank is to stop. Then all stop, after the same epoch."""
    flag = torch.tensor(int(stop.set), device=process.device)
    return bool(summed(flag, process))


def _reporter(request: JobRequest, process: Process) -> Callable[[EpochRow], None]:
    name, total = request.label or request.job.id, request.job.recipe.epochs

    def report(row: EpochRow) -> None:
        if process.leads:
            numbers = "  ".join(f"{key} {value:.4g}" for key, value in row.metrics.items())
            sys.stderr.write(f"{name}  epoch {row.epoch}/{total}  {numbers}\n")

    return report


def command() -> NoReturn:
    """Run as a command, and end the process: at once if the job has failed on this rank."""
    open_streams()
    try:
        code = main()
    except Exception as error:  # such as a process group that cannot be joined
        refused = in_words(error)
        sys.stderr.write(f"{refused}\n" if refused else traceback.format_exc())
        _report_cause(classify(error))
        code = refused.exit_code if refused else FAILED
    if code == FAILED or distributed.is_initialized():
        end_process(code)
    sys.exit(code)


if __name__ == "__main__":
    command()
