"""A finished store of two studies, the numbers that it gives, and what commands do to it."""

import gzip
import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from compound.cluster.runner import OnEvent, Take, in_order
from compound.jobs.data.source import inspect
from compound.jobs.device_model import guess
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.kinds.all_kinds import KINDS
from compound.orchestrator.prepare import prepare
from compound.orchestrator.run.phase_start import Phase
from compound.orchestrator.spec.load import load
from compound.orchestrator.study import Study
from compound.schemas.job import Cause, EpochRow, Event, JobRequest, JobResult
from compound.schemas.metrics import ACCURACY
from tests.support.command import compound
from tests.support.small_study import SPEC
from tests.support.store_samples import predictions, saved

HANG_S = 30
"""Seconds after which a command hangs; on a machine of its own none takes one."""
HUGE = 2**30
STUDIES = ("first", "second")
FileContents = dict[str, bytes]
"""The files of a store by key."""
OlderVersions = dict[str, list[bytes]]
"""Every content that a file of a store has had, by key."""


def files_in(root: Path) -> FileContents:
    """Return the content of every file below a folder; of a huge one that is strange, nothing."""
    paths = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return {
        str(path.relative_to(root)): b"" if path.stat().st_size > HUGE else path.read_bytes()
        for path in sorted(paths)
    }


@dataclass
class _VersionRecorder:
    """Keeps a study's events, and every version that its files had."""

    store: ArtifactStore
    study: str
    older: OlderVersions

    def phase(self, phase: Phase) -> None:
        self._remember()

    def event(self, event: Event) -> None:
        if event.kind != "epoch":
            self.store.study(self.study).append_event(event)
        self._remember()

    def note(self, text: str) -> None:
        self._remember()

    def _remember(self) -> None:
        for key, data in files_in(Path(self.store.uri)).items():
            versions = self.older.setdefault(key, [])
            if data not in versions:
                versions.append(data)


@dataclass
class _UntrainedRunner:
    """A runner that trains nothing: it writes rows, a checkpoint, predictions and results."""

    recorder: _VersionRecorder
    stopping = False

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        ledger, left = ArtifactStore.open(store), [*requests]
        results: dict[str, JobResult] = {}
        while request := take(left):
            left.remove(request)
            results[request.job.id] = self._written(request, ledger, on_event)
        return [results[request.job.id] for request in requests]

    def _written(self, request: JobRequest, store: ArtifactStore, on_event: OnEvent) -> JobResult:
        job = request.job
        accuracy = 0.5 + int(job.id[:6], 16) / 2**26
        on_event(Event(kind="started", job=job.id, label=request.label, workers=1))
        with store.writer(job) as writer:
            writer.resume()
            for epoch in range(1, job.recipe.epochs + 1):
                metrics = {ACCURACY: accuracy, "train_loss": 1 / epoch}
                place = {"job": job.id, "attempt": writer.attempt, "epoch": epoch, "step": epoch}
                row = {**place, "metrics": metrics, "wall_time": 1e9 + epoch}
                writer.log(EpochRow.model_validate(row))
                writer.save(epoch, epoch, *saved(epoch))
                self.recorder._remember()
            result = JobResult(
                job=job.id,
                status="done",
                attempt=writer.attempt,
                epochs=job.recipe.epochs,
                metrics={ACCURACY: accuracy},
            )
            writer.finish(result, predictions(64, seed=job.seed))
        store.test_predictions(job.id).keep("a" * 16, job.id, predictions(20))
        on_event(Event(kind="ended", job=job.id, label=request.label, result=result))
        return result

    def request_stop(self) -> None:
        """Stop nothing: everything has ended."""


def build(root: Path) -> OlderVersions:
    """Make the store; return every version that its files had."""
    older: OlderVersions = {}
    store = ArtifactStore.open(str(root))
    store.save_profile(guess("cpu"))
    for number, name in enumerate(STUDIES):
        recorder = _VersionRecorder(store, name, older)
        path = root.parent / f"{name}.yaml"
        path.write_text(SPEC.format(store=root, epochs=2 + number))
        file = load(path, [f"name={name}", "family.phi=[1]"])
        study = Study(file.spec, file.source.text, store, _UntrainedRunner(recorder), recorder)
        with store.study(name).lease({}):
            plan = prepare(file.spec, inspect(file.spec.data), store).plan
            assert KINDS[file.spec.kind].run(study, plan) == "done"
    for job in store.jobs()[:2]:
        store.keep_trace(job, gzip.compress(job.encode() * 20))
    _fail(store)
    _kill(store)
    store.reservations(STUDIES[1]).put([])  # as a driver leaves it that was killed
    store.study(STUDIES[0]).put_text("report.html", "<p>made from the rest</p>")
    return older


def _fail(store: ArtifactStore) -> None:
    """Let the last job of all have a sibling that failed, which no study plans any longer."""
    job = store.job(store.jobs()[0])
    assert job is not None
    failed = job.model_copy(update={"seed": 99})
    cause = Cause(kind="diverged", message="the loss is not finite at step 3")
    with store.writer(failed) as writer:
        writer.resume()
        place = {"job": failed.id, "attempt": writer.attempt, "epoch": 1, "step": 1}
        row = {**place, "metrics": {ACCURACY: 0.1}, "wall_time": 1e9}
        writer.log(EpochRow.model_validate(row))
        result = JobResult(job=failed.id, status="failed", attempt=1, epochs=1, cause=cause)
        writer.finish(result)
    folder = store.study(STUDIES[0])
    with folder.lease({}):
        folder.append_event(Event(kind="ended", job=failed.id, result=result))


def _kill(store: ArtifactStore) -> None:
    """Let a job of no study have a writer that was killed."""
    job = store.job(store.jobs()[0])
    assert job is not None
    killed = job.model_copy(update={"seed": 98})
    with store.writer(killed) as writer:
        writer.resume()
        for epoch in (1, 2, 3):
            place = {"job": killed.id, "attempt": writer.attempt, "epoch": epoch, "step": epoch}
            row = {**place, "metrics": {ACCURACY: 0.1}, "wall_time": 1e9}
            writer.log(EpochRow.model_validate(row))
            if epoch < 3:
                writer.save(epoch, epoch, *saved(epoch))


class HangError(BaseException):
    """A command did not end; no handler of errors in the program catches this."""


def _hang(signum: int, frame: object) -> None:
    raise HangError


def answer(*words: str) -> CompletedProcess[str]:
    """Run a command that must end in time, without a traceback, and with an exit code of ours."""
    # SIGPROF is not used: a read of a pipe that nobody writes takes no time of the processor.
    before = signal.signal(signal.SIGALRM, _hang)
    signal.alarm(HANG_S)
    try:
        done = compound(*words)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    said = done.stdout + done.stderr
    assert "Traceback" not in said and "internal error" not in said, f"{words}: {said}"
    assert done.returncode in (0, 1, 2), f"{words}: {done}"
    return done


def numbers(root: Path) -> dict[str, Any]:
    """Return what status, metrics and the verdict say of each study; None: they fail."""
    by_command: dict[str, Any] = {}
    for study in STUDIES:
        for words in (("status", study, "--json"), ("metrics", study, "--json")):
            done = answer(*words, "--store", str(root))
            text = done.stdout.replace(str(root), "STORE")
            by_command[" ".join(words)] = json.loads(text) if done.returncode == 0 else None
        path = root / "studies" / study / "verdict.json"
        content = path.read_bytes() if path.is_file() else b""
        by_command[f"verdict of {study}"] = content.partition(b'"content"')[2]
    return by_command


READING = (
    ("list",), ("advise", "STUDY", "--params", "1M"), ("gc", "STUDY"), ("verify", "STUDY"),
    ("fsck", "STUDY"), ("status", "STUDY"), ("metrics", "STUDY"), ("report", "STUDY"),
    ("query", "select count(*) from metrics"), ("export", "STUDY", "weights.safetensors"),
    ("export", "STUDY", "tables"),
)  # fmt: skip
"""Commands that read a store, or make something from it."""


def read_by(number: int, root: Path, at: Path) -> None:
    """Let one of the other commands read the store; it must end in order, whatever it says."""
    words = [word.replace("STUDY", STUDIES[number % 2]) for word in READING[number % len(READING)]]
    words = [str(at / word) if word.startswith(("weights", "tables")) else word for word in words]
    answer(*words, "--store", str(root))


def is_reported(root: Path) -> bool:
    """Whether `compound verify` reports anything of the store."""
    return answer("verify", "--store", str(root), "--json").returncode != 0


def removed_by_fsck(root: Path) -> set[str]:
    """Let `fsck` repair and delete; return the files that it removed."""
    before = files_in(root)
    answer("fsck", str(root), "--repair", "--delete", "--older-than", "0", "--json")
    return before.keys() - files_in(root).keys()
