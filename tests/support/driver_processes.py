"""A driver in a process of its own, followed by what it tells: it can be killed like any other."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.timeline.job_standing import Standing, standings
from compound.schemas.job import Event, JobRequest

Told = dict[str, Any]

DRIVER = """
import json, signal, sys
from compound.cluster.ray_session import connect
from compound.cluster.trials.ray_runner import RayRunner
from compound.schemas.job import JobRequest

jobs, store, address, *imports = sys.argv[1:]
requests = [JobRequest.model_validate_json(line) for line in open(jobs)]

def tell(**told):
    print(json.dumps(told), flush=True)

def on_event(event):
    epoch = event.row.epoch if event.row else 0
    whole = event.model_dump_json(exclude={"row", "result"})
    tell(kind=event.kind, job=event.job, message=event.message, epoch=epoch, event=whole)

with connect(address or None) as session:
    runner = RayRunner(session, imports=tuple(imports))
    signal.signal(signal.SIGTERM, lambda *_: runner.request_stop())
    for result in runner.run(requests, store, on_event):
        tell(kind="result", result=result.model_dump_json())
"""


class Driver:
    """Runs requests on a cluster; what it tells is kept in `told`, with the second it came."""

    def __init__(
        self,
        folder: Path,
        requests: list[JobRequest],
        address: str,
        *on_host: str,
        imports: str = "",
    ) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "driver.py").write_text(DRIVER)
        (folder / "jobs.jsonl").write_text("\n".join(r.model_dump_json() for r in requests))
        self.store, self.told = str(folder / "store"), list[Told]()
        run = (
            sys.executable,
            "driver.py",
            "jobs.jsonl",
            self.store,
            address,
            *filter(None, [imports]),
        )
        with (folder / "stderr").open("a") as errors:
            self.process = subprocess.Popen(
                (*on_host, *run), cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._errors = folder / "stderr"
        self._news: queue.Queue[Told] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                self._news.put(json.loads(line) | {"at": time.monotonic()})
        self._news.put({"kind": "end", "at": time.monotonic()})

    def until(self, wanted: Callable[[Told], bool], seconds: float = 400) -> Told:
        """Wait until it tells something wanted; return that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                told = self._news.get(timeout=1)
            except queue.Empty:
                continue
            self.told.append(told)
            if wanted(told):
                return told
            assert told["kind"] != "end", self._errors.read_text()[-3000:]
        shown = [one for one in self.told if one["kind"] != "epoch"] + self.told[-1:]
        raise AssertionError(f"not within {seconds} s; it told {shown}")

    def epoch(self, number: int, **given: float) -> Told:
        return self.until(lambda told: told["kind"] == "epoch" and told["epoch"] >= number, **given)

    def says(self, text: str, **given: float) -> Told:
        return self.until(lambda told: text in told.get("message", ""), **given)

    def result(self, **given: float) -> Told:
        told = self.until(lambda told: told["kind"] == "result", **given)
        found: Told = json.loads(told["result"])
        return found

    def stop(self) -> None:
        """Ask it to end after the running epoch."""
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def events(self) -> list[Event]:
        """What its runner has told, as a study's driver would log it."""
        texts = [told["event"] for told in self.told if "event" in told]
        return [Event.model_validate_json(t).model_copy(update={"driver": "d/1"}) for t in texts]

    def standing(self, request: JobRequest) -> Standing:
        """Return where a job stands now, by what it wrote and what its driver told."""
        states = {request.job.id: ArtifactStore.open(self.store).state(request.job.id)}
        return standings(states, self.events, "d/1")[request.job.id]

    @property
    def last_epoch(self) -> int:
        return max((told.get("epoch", 0) for told in self.told), default=0)
