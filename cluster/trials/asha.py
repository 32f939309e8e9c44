"""Ray's asynchronous successive halving over the jobs of a search, with our epoch as time.

The rule is Ray's ASHAScheduler (Li et al. 2020): a job that comes to a rung continues where its
score is among the best 1 in `factor` of those that came there before it. Which jobs may be stopped,
and how a job ends, is decided here: Tune would take its actor away at once, while the worker still
has the newest rows and weights. So Tune continues the trial, and the job ends itself before its
next epoch.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

from compound.cluster.worker_group.coordinator import EPOCH
from compound.schemas.job import JobRequest
from compound.schemas.metrics import ACCURACY
from compound.schemas.promotion import Asha

Prune = Callable[[JobRequest, str], None]
"""Ends a job for good after the epoch that it has just reported, with the reason."""


class Brackets:
    """The scores at each rung so far; only jobs with equally long schedules are compared."""

    def __init__(self, asha: Asha) -> None:
        self.asha = asha
        self._by_length: dict[int, Any] = {}

    def of(self, request: JobRequest) -> Any | None:
        """Return Ray's scheduler that decides on a job; None where the job may not be stopped."""
        epochs = request.job.recipe.epochs
        if not request.prunable or self.asha.grace >= epochs:
            return None
        if epochs not in self._by_length:
            self._by_length[epochs] = self._scheduler(epochs)
        return self._by_length[epochs]

    def _scheduler(self, epochs: int) -> Any:
        return ASHAScheduler(
            time_attr=EPOCH,
            metric=ACCURACY,
            mode="max",
            max_t=epochs,
            grace_period=self.asha.grace,
            reduction_factor=self.asha.factor,
            # A job that resumes above a rung then counts in that rung only, and not in lower ones.
            stop_last_trials=False,
        )


class Pruning(FIFOScheduler):  # type: ignore[misc]
    """Tune's scheduler: jobs in their order, and an early end for those that fall behind.

    It names no metric to Tune, which would ask for one in every message of a trial.
    """

    def __init__(self, requests: Sequence[JobRequest], brackets: Brackets, prune: Prune) -> None:
        super().__init__()
        self._requests, self._brackets, self._prune = requests, brackets, prune

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """A trial waits; exempt ones come into no bracket."""
        rule = self._brackets.of(self._request(trial))
        if rule is not None:
            rule.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Let Ray's rule decide after each epoch but the last."""
        request = self._request(trial)
        rule = self._brackets.of(request)
        if rule is not None and EPOCH in result:
            decision = rule.on_trial_result(tune_controller, trial, result)
            epoch = result[EPOCH]
            if decision == self.STOP and epoch < request.job.recipe.epochs:
                why = f"not in the best 1 of {self._brackets.asha.factor} at epoch {epoch}"
                self._prune(request, why)
        return str(self.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """A trial has ended; its last row may have come along with the end."""
        rule = self._brackets.of(self._request(trial))
        if rule is not None:
            rule.on_trial_complete(tune_controller, trial, result)

    def _request(self, trial: Any) -> JobRequest:
        index: int = trial.config["index"]
        return self._requests[index]
