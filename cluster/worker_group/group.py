"""A worker group: DDP workers that are started once and then train one job after another.

Starting workers takes Ray Train tens of seconds, handing them another job takes milliseconds. The
trial actor owns the group: `fit()` runs in a thread of it, jobs and rows pass through the
coordinator. When a worker or its host is lost, hangs, or is taken away, this generation of workers
ends and the group starts the next one on what is left: it takes the unfinished job again, which
resumes from its last checkpoint in the store. An elastic group may then be smaller, and grows after
an epoch.
"""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import ray
from ray import train
from ray.train import TrainingFailedError

from compound.cluster.network_interface import WorkerGroupTorchConfig, variables
from compound.cluster.resources import gpus_of
from compound.cluster.retries import InterruptionKind
from compound.cluster.worker_group import host_health
from compound.cluster.worker_group.coordinator import Message
from compound.cluster.worker_group.group_trainer import WorkerGroupTrainer
from compound.cluster.worker_group.heartbeat import Heartbeat, StalledWorker
from compound.cluster.worker_group.interruption import (
    GroupState,
    Interruption,
    classify_interruption,
    dead_ranks,
    no_room,
)
from compound.cluster.worker_group.rank_worker import work
from compound.jobs.parallel.collective import backend_for, collective_timeout
from compound.jobs.runtime.malloc import environment
from compound.jobs.runtime.temporary_folder import make_folder
from compound.schemas.errors import RunError
from compound.schemas.job import JobRequest, Resources

_LATE_S = 60.0
"""Seconds after which workers that are not up yet are thought to wait for resources."""

_CHECK_S = 5.0
"""Seconds between two checks of workers and hosts."""

_MAX_FAILED_STARTS = 3
"""Generations in a row that ended before any heartbeat: then something is wrong."""

_EXCLUDED_S = 180.0
"""Seconds for which a host that did not answer gets no worker, if Ray still counts it as alive."""

_SETTLE_S = 4.0
"""Seconds without a change of the free resources, after which an elastic group takes them."""

_ENVIRONMENT = {
    # Rows do not go through Train's report(), so its polls only find dead workers; each one costs
    # the training threads time. Ray 2.60 polls every 2 s, and reads this in the trial's process.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "1.0",
    # The group watches for hosts that are taken away itself, and counts them as preemptions.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    # Ray changes the workers' folder to one of its session: relative data paths would be lost.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}
_FIXED_START_S, _ELASTIC_START_S = "3600", "60"
"""How long to wait for workers: where no smaller group would do, and where one would."""


class WorkerGroup:
    """The trial actor's side: starts the workers, posts jobs, receives their messages."""

    def __init__(
        self, coordinator: Any, trial: Mapping[str, Any], store: str, first: JobRequest
    ) -> None:
        self._coordinator, self._resources = coordinator, first.resources
        self._id = f"workers-{secrets.token_hex(4)}"
        self._error: BaseException | None = None
        self._up = self._closed = False
        self._checked = 0.0
        self._size, self._generation, self._room = 0, 0, 0
        self._stalled: tuple[StalledWorker, ...] = ()
        self._draining: set[str] = set()
        self._excluded: dict[str, float] = {}
        self._folder = make_folder("workers")
        os.environ.update(_ENVIRONMENT)
        shared = {name: trial[name] for name in ("coordinator", "imports")}
        planned = self._resources.most_workers
        self._config = {**shared, "group_id": self._id, "store": store, "planned": planned}
        # A daemon: `fit()` cannot be interrupted, and must not keep the trial's process alive.
        self._thread = threading.Thread(target=self._run_generations, daemon=True)
        self._thread.start()

    def post(self, request: JobRequest) -> None:
        """Give the workers their next job."""
        ray.get(self._coordinator.post.remote(self._id, request.job.id, request.model_dump_json()))

    def next(self) -> Message:
        """Wait for the next message of the job; `late` where its workers are not up.

        Raises:
            RunError: the group has ended, with Ray Train's error.
        """
        begun = time.monotonic()
        while True:
            self._check_group()
            awaited = self._coordinator.next.remote(self._id, timeout=_CHECK_S)
            if (message := ray.get(awaited)) is not None:
                self._up = self._up or "started" in message
                return dict(message)
            if not self._thread.is_alive():
                raise RunError(f"the group of workers ended: {self._error}") from self._error
            if not self._up:
                capacity = host_health.capacity(self._resources, self._excluded_hosts())
                if capacity < self._resources.least_workers or time.monotonic() - begun > _LATE_S:
                    return {"late": capacity}

    def close(self) -> None:
        """Let the workers return; wait until Train has given their resources back."""
        self._closed = True
        ray.get(self._coordinator.close.remote(self._id))
        # Where workers lack resources `fit` returns after an hour.
        self._thread.join(timeout=60 if self._up else 1)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run_generations(self) -> None:
        """Start one generation of workers after another, until the group is closed."""
        try:
            failed_starts = 0
            while not self._closed and failed_starts < _MAX_FAILED_STARTS:
                failed_starts = 0 if self._run_generation() else failed_starts + 1
                ray.get(self._coordinator.wait_until_needed.remote(self._id))
        except Exception as error:  # the trial, which waits in `next`, raises it
            self._error = error

    def _run_generation(self) -> bool:
        """Start workers and wait for their end; return whether they were ever alive."""
        self._generation, self._room, self._stalled = self._generation + 1, 0, ()
        self._up = False
        ray.get(self._coordinator.begin_generation.remote(self._id, self._generation))
        self._size = self._choose_size()
        sized, excluded = self._resources.sized(self._size), self._excluded_hosts()
        waits = _FIXED_START_S if not (self._resources.elastic or excluded) else _ELASTIC_START_S
        # Ray's 60 s are too short for a group that must wait on a busy cluster; Train then drops
        # the placement group and takes its place in the queue anew (Ray 2.60).
        os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = waits
        try:
            _trainer(self._trial(), sized, excluded).fit()
        except TrainingFailedError as error:
            return self._ended(error)
        return True

    def _trial(self) -> dict[str, Any]:
        return {**self._config, "generation": self._generation, "folder": self._folder}

    def _choose_size(self) -> int:
        """Return how many workers to start: as many as there is room for, once that has settled."""
        resources, before, since = self._resources, -1, time.monotonic()
        while resources.elastic:
            room = min(self._free_workers(), resources.most_workers)
            if room != before:
                before, since = room, time.monotonic()
            if room == resources.most_workers or time.monotonic() - since > _SETTLE_S:
                return self._at_least(room)
            time.sleep(1.0)
        return resources.least_workers

    def _free_workers(self) -> int:
        return host_health.free_workers(self._resources, self._excluded_hosts())

    def _at_least(self, room: int) -> int:
        least = self._resources.least_workers
        if room < least:
            text = f"for {least} workers, there is room for {room}"
            ray.get(self._coordinator.notice.remote(self._id, text))
        return max(room, least)

    def _excluded_hosts(self) -> set[str]:
        now = time.monotonic()
        return {node for node, until in self._excluded.items() if until > now}

    def _ended(self, error: TrainingFailedError) -> bool:
        """Report workers that ended too early; return whether they were ever alive."""
        beats, _ = self._check_workers()
        if self._closed or no_room(error):
            return True  # nothing is lost: no job waits, or the next generation takes what is free
        if not beats:
            self._error = error
            return False
        interruption = self._interruption(error, beats)
        if interruption.kind == "preempted" and self._draining:  # counted when the notice came
            ray.get(self._coordinator.notice.remote(self._id, interruption.text))
        else:
            kind, text = interruption.kind, interruption.text
            ray.get(self._coordinator.interrupted.remote(self._id, kind, text))
        return True

    def _interruption(
        self, error: TrainingFailedError, beats: tuple[Heartbeat, ...]
    ) -> Interruption:
        dead = dead_ranks(error)
        nodes = {beat.node for beat in beats if beat.rank in dead}
        # Ray counts a host as alive for up to a minute after it is cut off, so it is asked as well.
        alive = host_health.alive()
        gone = self._exclude(nodes - alive | host_health.unreachable(nodes & alive))
        return classify_interruption(
            error, GroupState(beats, self._stalled, self._draining, gone | self._excluded_hosts())
        )

    def _exclude(self, nodes: set[str]) -> set[str]:
        """Start no worker on these hosts for a while, where others are able; return all of them."""
        avoided = host_health.avoidable(nodes, host_health.able(self._resources)) if nodes else ()
        self._excluded |= dict.fromkeys(avoided, time.monotonic() + _EXCLUDED_S)
        return nodes

    def _check_workers(self) -> tuple[tuple[Heartbeat, ...], tuple[StalledWorker, ...]]:
        check, patience = self._coordinator.check_workers, self._resources.patience
        beats, stalled = ray.get(check.remote(self._id, patience))
        return beats, stalled

    def _check_group(self) -> None:
        """End stalled workers; start the next generation where hosts come or go."""
        if time.monotonic() - self._checked < _CHECK_S:
            return
        self._checked = time.monotonic()
        beats, stalled = self._check_workers()
        if stalled and not self._stalled:
            self._stalled = stalled
            self._end_stalled(stalled, beats)
        self._move_where_hosts_change(beats)

    def _move_where_hosts_change(self, beats: tuple[Heartbeat, ...]) -> None:
        draining = host_health.draining()
        going = {beat.node: beat.host for beat in beats if beat.node in draining}
        if going.keys() - self._draining:
            self._draining |= going.keys()
            hosts = ", ".join(sorted(going.values()))
            self._regroup(f"about to be taken away: {hosts}", "preempted")
        elif self._resources.elastic and beats and self._size < self._resources.most_workers:
            before, self._room = self._room, self._free_workers()
            # Twice in a row: between two jobs of other groups resources are free for a moment.
            if min(before, self._room) > 0:
                self._regroup(f"there is room for more workers than {self._size}")

    def _end_stalled(
        self, stalled: tuple[StalledWorker, ...], beats: tuple[Heartbeat, ...]
    ) -> None:
        """Kill stalled workers; where their hosts do not answer, all others: one has to end."""
        nodes = {worker.beat.node for worker in stalled}
        unanswered = self._exclude(_kill(worker.beat for worker in stalled))
        if unanswered:
            _kill(beat for beat in beats if beat.node not in nodes)

    def _regroup(self, why: str, kind: InterruptionKind | None = None) -> None:
        ray.get(self._coordinator.regroup.remote(self._id, why, kind))


def _kill(beats: Iterable[Heartbeat]) -> set[str]:
    """Kill the workers of these heartbeats; return the hosts that do not answer."""
    return host_health.kill(host_health.WorkerProcess(beat.node, beat.pid) for beat in beats)


def _trainer(
    config: Mapping[str, Any], resources: Resources, excluded: set[str]
) -> WorkerGroupTrainer:
    gpus = gpus_of(resources)
    worker_environment = {} if gpus else environment()
    worker_environment |= variables()
    # Ray places workers on any host that it counts as alive, also on one that does not answer.
    away = {"ray.io/node-id": f"!in({','.join(sorted(excluded))})"} if excluded else None
    return WorkerGroupTrainer(
        work,
        train_loop_config={
            **config,
            "cpus": resources.cpus,
            "decode_cpus": resources.decode_cpus,
            "gpus": gpus,
        },
        torch_config=WorkerGroupTorchConfig(
            backend=backend_for(gpus),
            interface=resources.interface,
            timeout_s=int(collective_timeout(resources.patience).total_seconds()),
        ),
        scaling_config=train.ScalingConfig(
            num_workers=resources.least_workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": resources.cpus, **({"GPU": gpus} if gpus else {})},
            label_selector=away,
        ),
        run_config=train.RunConfig(
            name=f"{config['group_id']}-{config['generation']}",
            storage_path=config["folder"],
            # Ray's default for the controller is to retry without end, with a log line only
            # (PR ray-project/ray#54402): retries are counted by the coordinator.
            failure_config=train.FailureConfig(max_failures=0, controller_failure_limit=0),
            worker_runtime_env={"env_vars": worker_environment},
        ),
    )
