"""Ray Train's trainer with fewer processes: a group of workers starts in two thirds of the time."""

import asyncio
from typing import Any

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.context import TrainRunContext
from ray.train.v2._internal.execution.controller import TrainController
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy


class WorkerGroupTrainer(TorchTrainer):  # type: ignore[misc]
    """Runs Train's controller in the calling process, without data sets and resource requests.

    Ray Train starts an actor for each of the three. All import Ray Data and pandas, the
    controller torch as well: 6 of the 30 CPU seconds of a group of two workers, every time that
    one starts. The trial actor that calls `fit` has all of it imported and only waits meanwhile.
    When it dies, its workers end with it, as they end with a controller's own process.
    """

    # Private methods, because Train has no setting for any of them (Ray 2.60).

    def _create_default_callbacks(self) -> list[Any]:
        by_default = super()._create_default_callbacks()
        callbacks = [call for call in by_default if not isinstance(call, DatasetsCallback)]
        return [*callbacks, _NoDatasets()]

    def _initialize_and_run_controller(self, **arguments: Any) -> Any:
        policy = _NoRequests(scaling_config=self.scaling_config)
        controller = TrainController(**{**arguments, "scaling_policy": policy})
        asyncio.run(controller.run())
        return controller.get_result()


class _NoRequests(FixedScalingPolicy):  # type: ignore[misc]
    """Asks an autoscaler for nothing but the workers' placement group, which it sees anyway.

    Train also keeps a request with an AutoscalingCoordinator, a detached actor that never ends, and
    that asks for hosts for up to 200 s after a driver was killed (Ray 2.60).
    """

    def after_controller_start(self, train_run_context: TrainRunContext) -> None:
        """Register nothing."""

    def _send_resource_request(self) -> None: ...

    def _maybe_send_resource_request(self) -> None: ...

    def _cancel_resource_request(self) -> None: ...


class _NoDatasets(WorkerGroupCallback):  # type: ignore[misc]
    """Tells the workers that no data set of Ray Data was passed to the trainer."""

    def before_init_train_context(self, workers: list[Any]) -> dict[str, list[None]]:
        return {"dataset_shard_provider": [None] * len(workers)}
