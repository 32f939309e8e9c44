"""A finished store of two studies, what people do to stores by hand, and the numbers it gives."""

import gzip
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compound.cluster.runner import OnEvent, Take, in_order
from compound.jobs.data.source import inspect
from compound.jobs.device_model import guess
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.file_kinds import kind_of
from compound.orchestrator.kinds.all_kinds import KINDS
from compound.orchestrator.prepare import prepare
from compound.orchestrator.run.progress import Phase
from compound.orchestrator.spec.load import load
from compound.orchestrator.study import Study
from compound.schemas.job import Cause, EpochRow, Event, JobRequest, JobResult
from compound.schemas.metrics import ACCURACY
from tests.support.command import compound
from tests.support.small_study import SPEC
from tests.support.store_samples import predictions, saved

STUDIES = ("one", "two")
Contents = dict[str, bytes]
"""The files of a store by key."""


def files_in(root: Path) -> Contents:
    """Return the content of every file below a folder."""
    paths = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(paths)}


@dataclass
class _Recorder:
    """Keeps a study's events, and every version that its files had."""

    store: ArtifactStore
    study: str
    older: dict[str, list[bytes]]

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
class _Writer:
    """A runner that trains nothing: it writes rows, a checkpoint, predictions and results."""

    recorder: _Recorder
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


def build(root: Path) -> dict[str, list[bytes]]:
    """Make the store; return every version that its files had."""
    older: dict[str, list[bytes]] = {}
    store = ArtifactStore.open(str(root))
    store.save_profile(guess("cpu"))
    for number, name in enumerate(STUDIES):
        recorder = _Recorder(store, name, older)
        path = root.parent / f"{name}.yaml"
        path.write_text(SPEC.format(store=root, epochs=2 + number))
        file = load(path, [f"name={name}", "family.phi=[1]"])
        study = Study(file.spec, file.source.text, store, _Writer(recorder), recorder)
        with store.study(name).lease({}):
            plan = prepare(file.spec, inspect(file.spec.data), store).plan
            assert KINDS[file.spec.kind].run(study, plan) == "done"
    for job in store.jobs()[:2]:
        store.keep_trace(job, gzip.compress(job.encode() * 20))
    _fail(store)
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
    folder = store.study("one")
    with folder.lease({}):
        folder.append_event(Event(kind="ended", job=failed.id, result=result))


def numbers(root: Path) -> dict[str, Any]:
    """Return what status, metrics and the verdict say of each study, and their exit codes."""
    said = {}
    for study in STUDIES:
        for words in (("status", study, "--json"), ("metrics", study, "--json")):
            done = compound(*words, "--store", str(root))
            text = done.stdout.replace(str(root), "STORE")
            said[" ".join(words)] = json.loads(text) if done.returncode == 0 else None
        path = root / "studies" / study / "verdict.json"
        text = path.read_bytes() if path.is_file() else b""
        said[f"verdict of {study}"] = text.partition(b'"content"')[2]
    return said


def verified(root: Path) -> bool:
    """Whether `compound verify` finds the store whole."""
    done = compound("verify", "--store", str(root), "--json")
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 2), done.stderr
    return done.returncode == 0


Mutation = Callable[[random.Random, Path, dict[str, list[bytes]]], str]
"""Changes the store; returns what it did."""


def _files(root: Path, kind: str = "") -> list[Path]:
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return [path for path in found if not kind or kind_of(str(path.relative_to(root))) == kind]


def _one(draw: random.Random, root: Path) -> Path:
    """Draw a kind of file first, then a file: else most would be of checkpoints."""
    kinds = sorted({kind_of(str(path.relative_to(root))) or "" for path in _files(root)} - {"text"})
    return draw.choice(_files(root, draw.choice(kinds)))


def flip(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    path = _one(draw, root)
    data = bytearray(path.read_bytes())
    bit = draw.randrange(8 * len(data)) if data else 0
    if data:
        data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return f"flip bit {bit} of {path}"


def cut(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    path = _one(draw, root)
    data = path.read_bytes()
    lines = [at + 1 for at, byte in enumerate(data[:-1]) if byte == 10]
    size = draw.choice(lines) if lines and draw.random() < 0.5 else draw.randrange(len(data) + 1)
    path.write_bytes(data[:size])
    return f"cut {path} from {len(data)} to {size}"


def append(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    path = _one(draw, root)
    data = path.read_bytes()
    path.write_bytes(data + draw.choice([b"\0", b"\n", data[-40:], draw.randbytes(100)]))
    return f"append to {path}"


def delete_file(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    path = _one(draw, root)
    path.unlink()
    return f"delete {path}"


def delete_folder(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    folders = sorted(path for path in root.glob("[jd]*/**/*") if path.is_dir())
    path = draw.choice(folders)
    shutil.rmtree(path)
    return f"delete {path}"


def swap(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    first = _one(draw, root)
    second = draw.choice(_files(root, kind_of(str(first.relative_to(root))) or ""))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    return f"swap {first} and {second}"


def overwrite(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    first = _one(draw, root)
    second = draw.choice(_files(root, kind_of(str(first.relative_to(root))) or ""))
    second.write_bytes(first.read_bytes())
    return f"copy {first} over {second}"


def renumber(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    """Copy a manifest to another number, of its own attempt or of another job's."""
    source = draw.choice(_files(root, "manifest"))
    name = f"manifest-{draw.randrange(1, 20):06d}.json"
    target = draw.choice(_files(root, "manifest")).parent / name
    target.write_bytes(source.read_bytes())
    return f"copy {source} to {target}"


def move_between(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    """Copy a study's file, or a job's, into another folder under its own name."""
    path = draw.choice(_files(root / "studies") + _files(root, "predictions") + _files(root, "job"))
    folders = sorted(folder for folder in path.parent.parent.iterdir() if folder.is_dir())
    target = draw.choice(folders) / path.name
    target.write_bytes(path.read_bytes())
    return f"copy {path} to {target}"


def put_back(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    keys = sorted(key for key, versions in older.items() if kind_of(key) not in (None, "text"))
    key = draw.choice(keys)
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(draw.choice(older[key]))
    return f"put an older copy of {path} back"


def copy_attempt(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    source = draw.choice(sorted(root.glob("jobs/*/attempt-*")))
    job = draw.choice(sorted(path for path in root.glob("jobs/*") if path.is_dir()))
    other = f"attempt-{draw.randrange(1, 9):04d}-{draw.randbytes(4).hex()}"
    name = source.name if draw.random() < 0.5 and job != source.parent else other
    shutil.copytree(source, job / name, dirs_exist_ok=True)
    return f"copy {source} to {job / name}"


def copy_job(draw: random.Random, root: Path, older: dict[str, list[bytes]]) -> str:
    first, second = draw.sample(sorted(path for path in root.glob("jobs/*") if path.is_dir()), 2)
    if draw.random() < 0.5:
        shutil.rmtree(second)
    shutil.copytree(first, second, dirs_exist_ok=True)
    return f"copy {first} to {second}"


MUTATIONS: tuple[Mutation, ...] = (
    flip, cut, append, delete_file, delete_folder, swap, overwrite, renumber, move_between,
    put_back, copy_attempt, copy_job,
)  # fmt: skip


def removed_by_fsck(root: Path) -> Iterator[str]:
    """Let `fsck` repair and delete; yield the files that it removed."""
    before = files_in(root)
    words = ("fsck", str(root), "--repair", "--delete", "--older-than", "0", "--json")
    done = compound(*words)
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr, done.stderr
    yield from before.keys() - files_in(root).keys()
