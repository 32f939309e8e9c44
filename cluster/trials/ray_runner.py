"""Jobs on Ray: Tune schedules every one of them on warm actors.

Requests that ask for the same resources form a group, and a group is one `Tuner.fit`. The list
of jobs is ours: Tune's search space is an index into it.
"""

import secrets
import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any

import ray
from ray import tune
from ray.tune.execution import class_cache

from compound.cluster import host_checks
from compound.cluster.network_interface import variables
from compound.cluster.ray_session import Session, variable_set
from compound.cluster.resources import at_once, gpus_of, preflight, resolve
from compound.cluster.runner import OnEvent, Take, in_order, unfinished
from compound.cluster.trials.callback import JobList, Listener
from compound.cluster.trials.placement_groups import given_back
from compound.cluster.trials.trainables import GroupTrial, SingleWorkerTrial
from compound.cluster.worker_group.coordinator import driver_resource, open_coordinator
from compound.jobs.runtime.temporary_folder import temporary_folder
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import Event, JobRequest, JobResult, Resources
from compound.schemas.retries import RetryLimits

_KEYS = frozenset(
    {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"}
)
_ADDRESS = "RAY_ADDRESS"
_A_JOBS = {"parallel"}
"""What a job sets under `resources` for itself: workers need not be started anew for it."""


class RayRunner:
    """Runs jobs on a connected Ray."""

    def __init__(
        self,
        session: Session,
        *,
        limits: RetryLimits | None = None,
        imports: tuple[str, ...] = (),
    ) -> None:
        """Take a connected Ray.

        `limits`: how often a job continues after it lost workers or hosts; `imports`: folders from
        which the workers may import networks' own code, by default none.
        """
        self._imports = imports
        self._session = session
        self._limits = limits or RetryLimits()
        self._stop = threading.Event()

    def request_stop(self) -> None:
        """End after the running epochs, with checkpoints."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def preflight(self, requests: Sequence[JobRequest]) -> None:
        """Refuse what this cluster can never run. ClusterError: which job, and what is missing.

        To be called with every kind of job of a study, before the first of them is trained.
        """
        nodes, limit = self._session.nodes, self._session.limit
        preflight(requests, nodes, limit)
        host_checks.check_gpus(resolve(requests, nodes, limit))
        host_checks.check_interfaces(requests)

    def run(
        self,
        requests: Sequence[JobRequest],
        store: str,
        on_event: OnEvent,
        take: Take = in_order,
    ) -> list[JobResult]:
        """Train every request; see `Runner.run`."""
        nodes, limit = self._session.nodes, self._session.limit
        preflight(requests, nodes, limit)
        artifacts = ArtifactStore.open(store, patient=True)
        host_checks.check_shared(artifacts.uri, nodes)
        host_checks.check_interfaces(requests)
        results = _done(requests, artifacts, on_event)
        resolved = resolve(requests, nodes, limit)
        fresh = {r.job.id: r for r in resolved if r.job.id not in results}
        for resources, group in _by_resources(fresh.values()):
            most = min(at_once(resources, nodes, limit), len(group))
            results |= self._run_group(resources, group, artifacts, on_event, most, take)
        return [results[request.job.id] for request in requests]

    def _run_group(
        self,
        resources: Resources,
        group: list[JobRequest],
        store: ArtifactStore,
        on_event: OnEvent,
        most: int,
        take: Take,
    ) -> dict[str, JobResult]:
        # Without a job to start there is no Tuner: it takes seconds, and reserves resources.
        first = None if self.stopping else take(group)
        if first is None:
            return {request.job.id: unfinished(request) for request in group}
        name = f"compound-coordinator-{secrets.token_hex(4)}"
        texts = [request.model_dump_json() for request in group]
        coordinator = open_coordinator(name, texts, self._limits)
        listener = Listener(group, store, on_event, coordinator, self._stop, self._limits)
        listener.announce(most)
        try:
            # Tune writes the state of an experiment in any case, by default to ~/ray_results.
            with temporary_folder("tune") as folder, given_back():
                shared = {"coordinator": name, "store": store.uri, "imports": self._imports}
                shared["beside"] = driver_resource()
                jobs = JobList(group, first, take, self._stop)
                _choose_variables_passed_on()
                retries = self._limits.lost_worker
                with _address_passed_on():
                    _tuner(resources, shared, listener, jobs, most, retries, folder).fit()
        finally:
            # A named actor would live as long as the driver, one for each group of requests.
            ray.kill(coordinator)
        return listener.finish()


def _address_passed_on() -> AbstractContextManager[None]:
    """Let the processes of a trial find this Ray where another one runs on the machine.

    Ray Train's PlacementGroupCleaner asks the state API without an address: "Found multiple active
    Ray instances" is all that it gets, and what a killed trial has reserved stays reserved, so that
    its job waits for ever (Ray 2.60).
    """
    return variable_set(_ADDRESS, ray.get_runtime_context().gcs_address)


def _choose_variables_passed_on() -> None:
    """Let Tune pass Ray's address and the variables of NCCL and gloo to its actors, no cloud keys.

    Ray logs and shows what it passes on; every host has the keys in its own environment, as
    docs/how-to/s3.md requires.
    """
    # Tune copies AWS keys of the driver into the runtime_env of each trial, which anyone who can
    # read the cluster's metadata sees (Ray 2.60, tune/execution/class_cache.py).
    class_cache.ENV_VARS_TO_PROPAGATE.difference_update(_KEYS)
    class_cache.ENV_VARS_TO_PROPAGATE.update({_ADDRESS, *variables()})


def _tuner(
    resources: Resources,
    shared: dict[str, Any],
    listener: Listener,
    jobs: JobList,
    most: int,
    retries: int,
    folder: str,
) -> tune.Tuner:
    return tune.Tuner(
        GroupTrial if resources.most_workers > 1 else SingleWorkerTrial,
        param_space={**shared, "cpus": resources.cpus, "gpus": gpus_of(resources)},
        tune_config=tune.TuneConfig(
            search_alg=jobs,
            num_samples=len(listener.requests),
            # As many as fit: every further worker group would start a trial actor and Train's
            # processes, which only wait.
            max_concurrent_trials=most,
            # A new actor imports torch anew: seconds a job, where the job may take milliseconds.
            reuse_actors=True,
            trial_name_creator=lambda trial: trial.config["label"],
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="compound",
            storage_path=folder,
            callbacks=[listener],
            failure_config=tune.FailureConfig(max_failures=retries),
            # Checkpoints are the store's: Tune would ask the trainable for one of its own.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )


def _done(
    requests: Sequence[JobRequest], store: ArtifactStore, on_event: OnEvent
) -> dict[str, JobResult]:
    by_id = {request.job.id: request for request in requests}
    results = store.results(list(by_id))
    done = {job: result for job, result in results.items() if by_id[job].settled(result)}
    for job, result in done.items():
        on_event(Event(kind="ended", job=job, label=by_id[job].label, result=result))
    return done


def _by_resources(requests: Iterable[JobRequest]) -> list[tuple[Resources, list[JobRequest]]]:
    """Return the jobs in groups that the same warm actors can train, one after another."""

    def key(request: JobRequest) -> tuple[int, int, str]:
        resources = request.resources
        # Warm workers divide one network and average the gradients of the next.
        return resources.least_workers, resources.cpus, resources.model_dump_json(exclude=_A_JOBS)

    groups = [list(group) for _, group in groupby(sorted(requests, key=key), key=key)]
    return [(group[0].resources, group) for group in groups]
