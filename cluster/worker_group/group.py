"""A gang: DDP workers that are started once and then train one job after another.

Starting a worker group takes Ray Train tens of seconds, handing the group another job takes
milliseconds. The trial actor holds the gang: `fit()` runs in a thread of it, jobs and rows pass
through the mailbox. When a worker or its host is lost, hangs, or is taken away, the group ends, and
the gang starts another on what is left: it takes the unfinished job again, which resumes from its
last checkpoint in the store. An elastic gang may then be smaller, and grows after an epoch.
"""

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any

import ray
from ray import train
from ray.train import TrainingFailedError
from ray.train.torch import TorchTrainer

from compound.cluster.network_interface import GangTorchConfig, variables
from compound.cluster.resources import gpus_of
from compound.cluster.retries import InterruptionKind
from compound.cluster.worker_group import host_health as muster
from compound.cluster.worker_group.coordinator import Message
from compound.cluster.worker_group.heartbeat import Heartbeat, StalledWorker
from compound.cluster.worker_group.interruption import (
    GroupState,
    Interruption,
    classify_interruption,
    dead_ranks,
    no_room,
)
from compound.cluster.worker_group.rank_worker import work
from compound.jobs.parallel.collective import backend_for, patience_of_group
from compound.jobs.runtime.malloc import environment
from compound.schemas.errors import RunError
from compound.schemas.job import JobRequest, Resources

_LATE_S = 60.0
"""Seconds after which workers that are not up yet are thought to wait for resources."""

_WATCH_S = 5.0
"""Seconds between two looks at workers and hosts."""

_STILLBORN = 3
"""Groups in a row that ended before any worker gave a sign of life: then something is wrong."""

_BARRED_S = 180.0
"""Seconds for which a host that did not answer gets no worker, if Ray still believes in it."""

_SETTLE_S = 4.0
"""Seconds without a change of what is free, after which an elastic gang takes that."""

_ENVIRONMENT = {
    # Rows do not go through Train's report(), so its polls only find dead workers; each one costs
    # the training threads time.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "1.0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # the gang watches hosts itself
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}
_FIXED_START_S, _ELASTIC_START_S = "3600", "60"
"""How long workers are waited for: on a busy cluster, and where others would do."""


class WorkerGroup:
    """The trial actor's side: starts the workers, posts jobs, receives what they say."""

    def __init__(
        self, mailbox: Any, trial: Mapping[str, Any], store: str, first: JobRequest
    ) -> None:
        self._mailbox, self._resources = mailbox, first.resources
        self._id = f"gang-{secrets.token_hex(4)}"
        self._error: BaseException | None = None
        self._up = self._closed = False
        self._watched = 0.0
        self._size, self._group, self._more = 0, 0, 0
        self._suspects: tuple[StalledWorker, ...] = ()
        self._draining: set[str] = set()
        self._barred: dict[str, float] = {}
        self._folder = tempfile.mkdtemp(prefix="compound-gang-")
        os.environ.update(_ENVIRONMENT)
        taken = {name: trial[name] for name in ("mailbox", "imports")}
        planned = self._resources.most_workers
        self._config = {**taken, "gang": self._id, "store": store, "planned": planned}
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def post(self, request: JobRequest) -> None:
        """Give the workers their next job."""
        ray.get(self._mailbox.post.remote(self._id, request.job.id, request.model_dump_json()))

    def next(self) -> Message:
        """Wait for the next message of the job; say now and then that the workers are not up yet.

        Raises:
            RunError: the gang has ended, with what Ray Train says about it.
        """
        begun = time.monotonic()
        while True:
            self._watch()
            message: Message | None = ray.get(self._mailbox.next.remote(self._id, timeout=_WATCH_S))
            if message is not None:
                self._up = self._up or "started" in message
                return message
            if not self._thread.is_alive():
                raise RunError(f"the group of workers ended: {self._error}") from self._error
            if not self._up and time.monotonic() - begun > _LATE_S:
                return {"late": True}

    def close(self) -> None:
        """Let the workers return, wait until Train has given their resources back."""
        self._closed = True
        ray.get(self._mailbox.close.remote(self._id))
        self._thread.join(timeout=60)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _live(self) -> None:
        """Start one group after another, until the gang is closed."""
        try:
            stillborn = 0
            while not self._closed and stillborn < _STILLBORN:
                stillborn = 0 if self._fit() else stillborn + 1
                ray.get(self._mailbox.needed.remote(self._id))
        except Exception as error:  # told to the trial, which waits in `next`
            self._error = error

    def _fit(self) -> bool:
        """Start a group and wait for its end; return whether it was ever alive."""
        self._size = self._muster()
        self._group, self._more, self._suspects = self._group + 1, 0, ()
        ray.get(self._mailbox.muster.remote(self._id, self._group))
        sized, unwanted = self._resources.sized(self._size), self._unwanted()
        waits = _FIXED_START_S if not (self._resources.elastic or unwanted) else _ELASTIC_START_S
        os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = waits
        try:
            _trainer(self._trial(), sized, unwanted).fit()
        except TrainingFailedError as error:
            return self._ended(error)
        return True

    def _trial(self) -> dict[str, Any]:
        return {**self._config, "group": self._group, "folder": self._folder}

    def _muster(self) -> int:
        """Return how many workers to start: as many as there is room for, once that has settled."""
        resources, seen, since = self._resources, -1, time.monotonic()
        while resources.elastic:
            found = min(muster.free_workers(resources, self._unwanted()), resources.most_workers)
            if found != seen:
                seen, since = found, time.monotonic()
            if found == resources.most_workers or time.monotonic() - since > _SETTLE_S:
                return self._at_least(found)
            time.sleep(1.0)
        return resources.least_workers

    def _at_least(self, found: int) -> int:
        least = self._resources.least_workers
        if found < least:
            text = f"for {least} workers, there is room for {found}"
            ray.get(self._mailbox.notice.remote(self._id, text))
        return max(found, least)

    def _unwanted(self) -> set[str]:
        now = time.monotonic()
        return {node for node, until in self._barred.items() if until > now}

    def _ended(self, error: TrainingFailedError) -> bool:
        """Take stock of a group that ended before its time; return whether it was ever alive."""
        beats, _ = self._hear()
        if self._closed or no_room(error):
            return True  # nobody misses it; or it is tried again with what there is by then
        if not beats:
            self._error = error
            return False
        told = self._setback(error, beats)
        if told.kind == "preempted" and self._draining:  # counted when the notice came
            ray.get(self._mailbox.notice.remote(self._id, told.text))
        else:
            ray.get(self._mailbox.setback.remote(self._id, told.kind, told.text))
        return True

    def _setback(self, error: TrainingFailedError, beats: tuple[Heartbeat, ...]) -> Interruption:
        dead = dead_ranks(error)
        nodes = {beat.node for beat in beats if beat.rank in dead}
        gone = self._bar(nodes - muster.alive() | muster.unreachable(nodes & muster.alive()))
        return classify_interruption(
            error, GroupState(beats, self._suspects, self._draining, gone | self._unwanted())
        )

    def _bar(self, nodes: set[str]) -> set[str]:
        self._barred |= dict.fromkeys(nodes, time.monotonic() + _BARRED_S)
        return nodes

    def _hear(self) -> tuple[tuple[Heartbeat, ...], tuple[StalledWorker, ...]]:
        heard: tuple[tuple[Heartbeat, ...], tuple[StalledWorker, ...]]
        heard = ray.get(self._mailbox.watch.remote(self._id, self._resources.patience))
        return heard

    def _watch(self) -> None:
        """End workers that hold up the others; make way where hosts come or go."""
        if time.monotonic() - self._watched < _WATCH_S:
            return
        self._watched = time.monotonic()
        beats, suspects = self._hear()
        if suspects and not self._suspects:
            self._suspects = suspects
            self._end_those(suspects, beats)
        self._make_way(beats)

    def _make_way(self, beats: tuple[Heartbeat, ...]) -> None:
        draining = muster.draining()
        going = {beat.node: beat.host for beat in beats if beat.node in draining}
        if going.keys() - self._draining:
            self._draining |= going.keys()
            hosts = ", ".join(sorted(going.values()))
            self._regroup(f"about to be taken away: {hosts}", "preempted")
        elif self._resources.elastic and beats and self._size < self._resources.most_workers:
            before, self._more = self._more, muster.free_workers(self._resources, self._unwanted())
            if min(before, self._more) > 0:  # seen twice, so that it was no passing gap
                self._regroup(f"there is room for more workers than {self._size}")

    def _end_those(self, suspects: tuple[StalledWorker, ...], beats: tuple[Heartbeat, ...]) -> None:
        """Kill workers; where their hosts do not answer, the others, so that the group ends."""
        named = {one.beat.node for one in suspects}
        processes = [muster.WorkerProcess(one.beat.node, one.beat.pid) for one in suspects]
        unanswered = self._bar(muster.kill(processes))
        if unanswered:
            rest = [beat for beat in beats if beat.node not in named]
            muster.kill(muster.WorkerProcess(beat.node, beat.pid) for beat in rest)

    def _regroup(self, why: str, kind: InterruptionKind | None = None) -> None:
        ray.get(self._mailbox.regroup.remote(self._id, why, kind))


def _trainer(config: Mapping[str, Any], resources: Resources, barred: set[str]) -> TorchTrainer:
    gpus = gpus_of(resources)
    given = {} if gpus else environment()
    given |= variables()
    away = {"ray.io/node-id": f"!in({','.join(sorted(barred))})"} if barred else None
    return TorchTrainer(
        work,
        train_loop_config={
            **config,
            "cpus": resources.cpus,
            "decode_cpus": resources.decode_cpus,
            "gpus": gpus,
        },
        torch_config=GangTorchConfig(
            backend=backend_for(gpus),
            interface=resources.interface,
            timeout_s=int(patience_of_group(resources.patience).total_seconds()),
        ),
        scaling_config=train.ScalingConfig(
            num_workers=resources.least_workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": resources.cpus, **({"GPU": gpus} if gpus else {})},
            label_selector=away,
        ),
        run_config=train.RunConfig(
            name=f"{config['gang']}-{config['group']}",
            storage_path=config["folder"],
            failure_config=train.FailureConfig(max_failures=0, controller_failure_limit=0),
            worker_runtime_env={"env_vars": given},
        ),
    )
