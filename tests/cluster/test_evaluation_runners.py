"""Evaluations of stored weights as runners carry them: the same numbers wherever they run."""

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_session import Session
from compound.cluster.runner import Runner
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.data.source import evaluated_part
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import DataRef, Event, JobRequest, JobResult, Resources
from compound.schemas.metrics import TEST_ACCURACY, TEST_IMAGES, TEST_LOSS
from tests.support.requests import MakeRequest


def with_images(request: JobRequest) -> JobRequest:
    """Return the request with 41 test images, which change no identity."""
    data = request.job.data
    spec = data.spec.model_copy(update={"test_images": 41})
    with_test = DataRef(spec=spec, fingerprint=data.fingerprint)
    job = request.job.model_copy(update={"data": with_test})
    assert job.id == request.job.id
    return request.model_copy(update={"job": job})


def evaluating(request: JobRequest) -> JobRequest:
    content = evaluated_part(request.job.data.spec).content
    return request.model_copy(update={"evaluates": content})


def carried_out(runner: Runner, request: JobRequest, store: str) -> JobResult:
    events: list[Event] = []
    (result,) = runner.run([request], store, events.append)
    assert not any(event.row for event in events if request.evaluates)
    return result


def numbers(result: JobResult) -> dict[str, float]:
    assert result.status == "done", result.cause
    assert set(result.metrics) == {TEST_ACCURACY, TEST_LOSS, TEST_IMAGES}
    return result.metrics


def test_a_child_process_brings_the_numbers_of_this_one(
    make_request: MakeRequest, store: str
) -> None:
    request = with_images(make_request(epochs=1))
    trained = carried_out(LocalRunner(), request, store)
    here = numbers(carried_out(LocalRunner(), evaluating(request), store))
    children = LocalRunner()
    children._device_lost = True  # a job has a process of its own after this one's device is lost
    assert numbers(carried_out(children, evaluating(request), store)) == here
    missing = request.model_copy(update={"job": request.job.model_copy(update={"seed": 9})})
    failed = carried_out(LocalRunner(), evaluating(missing), store)
    assert (failed.status, failed.cause and failed.cause.kind) == ("failed", "storage")
    opened = ArtifactStore.open(store)
    assert opened.result(missing.job.id) is None
    assert opened.result(request.job.id) == trained


@pytest.mark.slow
def test_the_workers_of_a_divided_network_evaluate_it_together(
    make_request: MakeRequest, store: str
) -> None:
    divided = Resources(workers=2, gpus=0, parallel="full")
    request = with_images(make_request(epochs=1)).model_copy(update={"resources": divided})
    carried_out(LocalRunner(), request, store)
    together = numbers(carried_out(LocalRunner(), evaluating(request), store))
    alone = request.model_copy(update={"resources": Resources(gpus=0)})
    assert numbers(carried_out(LocalRunner(), evaluating(alone), store)) == pytest.approx(together)


@pytest.mark.ray
def test_a_warm_trial_evaluates(
    ray_session: Session, make_request: MakeRequest, store: str
) -> None:
    request = with_images(make_request(epochs=1))
    carried_out(LocalRunner(), request, store)
    here = numbers(carried_out(LocalRunner(), evaluating(request), store))
    assert numbers(carried_out(RayRunner(ray_session), evaluating(request), store)) == here


@pytest.mark.ray
@pytest.mark.slow
def test_a_worker_group_evaluates_what_it_has_divided(
    ray_session: Session, make_request: MakeRequest, store: str
) -> None:
    divided = Resources(workers=2, gpus=0, parallel="full")
    request = with_images(make_request(epochs=1)).model_copy(update={"resources": divided})
    carried_out(RayRunner(ray_session), request, store)
    together = numbers(carried_out(RayRunner(ray_session), evaluating(request), store))
    alone = request.model_copy(update={"resources": Resources(gpus=0)})
    assert numbers(carried_out(LocalRunner(), evaluating(alone), store)) == pytest.approx(together)
    missing = request.model_copy(update={"job": request.job.model_copy(update={"seed": 9})})
    failed = carried_out(RayRunner(ray_session), evaluating(missing), store)
    assert (failed.status, failed.cause and failed.cause.kind) == ("failed", "storage")
    assert ArtifactStore.open(store).result(missing.job.id) is None
