"""Ray Data decodes what the worker would have decoded, and gives its CPUs back."""

import time
from pathlib import Path

import pytest
import ray
import torch

from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_data import RayData
from compound.cluster.ray_session import Session
from compound.cluster.resources import Node, at_once, capacity, preflight
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.data.batches import Share
from compound.jobs.data.source import summarise
from compound.jobs.data.stream.remote_decoding import RemoteDecoder
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.data import DataSpec
from compound.schemas.errors import ClusterError
from compound.schemas.job import DataRef, JobRequest, Resources
from compound.schemas.recipe import Recipe
from tests.support.images_on_disk import folder_of, parquet_of
from tests.support.requests import MakeRequest

SHARE = Share.of(16, 8, 0, 1)


def source_of(spec: DataSpec, elsewhere: RemoteDecoder | None = None):
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    return DataCache(elsewhere=elsewhere).source(data, 16, Recipe(), torch.device("cpu"), 1)


def same(left, right) -> bool:
    pairs = zip(list(left), list(right), strict=True)
    return all(torch.equal(batch[part], twin[part]) for batch, twin in pairs for part in (0, 1))


@pytest.mark.ray
def test_batches_are_those_decoded_by_the_worker(ray_session: Session, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "folder", 100).model_copy(update={"max_bad": 0.1})
    (tmp_path / "folder/train/ant/000004.jpg").write_bytes(b"no image")
    rows = parquet_of(tmp_path / "rows").model_copy(update={"buffer": 64})
    for spec in (folder, rows):
        local, far = source_of(spec), source_of(spec, RayData(2))
        assert same(local.training(7, 1, SHARE), far.training(7, 1, SHARE))
        assert same(local.training(7, 2, SHARE, 2), far.training(7, 2, SHARE, 2))
        assert same(local.validation(0, 1, 5), far.validation(0, 1, 5))


@pytest.mark.ray
def test_an_epoch_that_is_left_gives_the_cpus_back(ray_session: Session, tmp_path: Path) -> None:
    source = source_of(folder_of(tmp_path, 2000), RayData(1))
    batches = source.training(7, 1, SHARE)
    next(batches)
    batches.close()
    deadline = time.monotonic() + 60
    while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"]:
        assert time.monotonic() < deadline, ray.available_resources()
        time.sleep(0.2)


def request_on(spec: DataSpec, request: JobRequest, resources: Resources) -> JobRequest:
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    network = request.job.architecture.model_copy(update={"num_classes": 2})
    job = request.job.model_copy(update={"data": data, "architecture": network})
    return request.model_copy(update={"job": job, "resources": resources})


@pytest.mark.ray
def test_a_job_comes_to_the_numbers_of_one_that_decodes_itself(
    ray_session: Session, make_request: MakeRequest, tmp_path: Path
) -> None:
    plain = make_request(0, epochs=2)
    spec = folder_of(tmp_path / "images", 100, side=8)
    numbers = []
    for name, cpus in (("here", 0), ("far", 1)):
        request = request_on(spec, plain, Resources(gpus=0, decode_cpus=cpus))
        runner, store = RayRunner(ray_session) if cpus else LocalRunner(), str(tmp_path / name)
        (result,) = runner.run([request], store, lambda event: None)
        assert result.status == "done", result.cause
        opened = ArtifactStore.open(store)
        numbers.append([row.metrics["train_loss"] for row in opened.rows(request.job.id)])
    assert numbers[0] == numbers[1]


def test_decoding_takes_room_from_workers() -> None:
    nodes = [Node(cpus=8, gpus=2, host="a"), Node(cpus=16, gpus=0, host="b")]
    gpu = Resources(cpus=4, gpus=1)
    assert (capacity(gpu, nodes), at_once(gpu, nodes)) == (2, 2)
    assert capacity(gpu.model_copy(update={"decode_cpus": 8}), nodes) == 2
    assert capacity(gpu.model_copy(update={"decode_cpus": 9}), nodes) == 1


def test_a_cluster_without_room_for_decoding_is_refused(make_request: MakeRequest) -> None:
    request = make_request(0)
    resources = Resources(cpus=2, gpus=0, decode_cpus=3)
    with pytest.raises(ClusterError, match="needs 5 CPUs, the cluster has 4 CPUs"):
        preflight([request.model_copy(update={"resources": resources})], [Node(4, 0, "a")])


def test_one_machine_without_a_cluster_refuses_it(make_request: MakeRequest, store: str) -> None:
    request = make_request(0)
    far = request.model_copy(update={"resources": Resources(gpus=0, decode_cpus=1)})
    with pytest.raises(ClusterError, match="the local runner has no cluster"):
        LocalRunner().run([far], store, lambda event: None)
