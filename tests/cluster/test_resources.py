"""What fits where, without a cluster."""

import pytest

from compound.cluster.resources import Node, at_once, capacity, expected, preflight, resolve
from compound.schemas.errors import ClusterError
from compound.schemas.job import JobRequest, Resources
from tests.support.requests import MakeRequest

SMALL = (Node(cpus=2, gpus=0, host="one"),)
MIXED = (Node(cpus=8, gpus=2, host="one"), Node(cpus=8, gpus=0, host="two"))


@pytest.fixture
def ask(make_request: MakeRequest) -> object:
    """Make a request for these resources."""

    def make(**resources: object) -> JobRequest:
        fields = Resources.model_validate(resources)
        return make_request(0).model_copy(update={"resources": fields, "label": "wide"})

    return make


@pytest.mark.parametrize(
    ("resources", "nodes", "message"),
    [
        (
            {"workers": 2, "cpus": 2},
            SMALL,
            "job wide needs 4 CPUs (2 workers x 2), the cluster has 2 CPUs",
        ),
        (
            {"workers": 3, "cpus": 1, "gpus": 1},
            MIXED,
            "needs 3 CPUs (3 workers x 1) and 3 GPUs (3 workers x 1), "
            "the cluster has 16 CPUs and 2 GPUs on 2 hosts",
        ),
        ({"cpus": 9, "gpus": 0}, MIXED, "needs 9 CPUs, the cluster has 16 CPUs on 2 hosts"),
        ({"gpus": 1}, SMALL, "needs 1 CPU and 1 GPU, the cluster has 2 CPUs and 0 GPUs"),
    ],
)
def test_a_job_that_never_fits_is_refused_with_numbers(
    ask: MakeRequest, resources: dict[str, float], nodes: tuple[Node, ...], message: str
) -> None:
    with pytest.raises(ClusterError) as refused:
        preflight([ask(**resources)], nodes)
    assert message in str(refused.value)
    assert refused.value.exit_code == 2


def test_what_an_autoscaler_may_add_is_waited_for(ask: MakeRequest) -> None:
    grown = Node(cpus=48, gpus=4, host="autoscaler")
    preflight([ask(workers=4, cpus=2, gpus=1)], SMALL, grown)
    with pytest.raises(ClusterError, match="the cluster can grow to 48 CPUs and 4 GPUs"):
        preflight([ask(workers=8, gpus=1)], SMALL, grown)
    assert at_once(Resources(workers=2, gpus=1), SMALL, grown) == 2


def test_auto_takes_a_gpu_where_there_is_one(ask: MakeRequest) -> None:
    assert resolve([ask()], MIXED)[0].resources.gpus == 1
    assert resolve([ask()], SMALL)[0].resources.gpus == 0
    assert resolve([ask(gpus=0.25)], MIXED)[0].resources.gpus == 0.25


def test_workers_are_counted_host_by_host() -> None:
    assert capacity(Resources(cpus=3, gpus=0), MIXED) == 4
    assert capacity(Resources(cpus=1, gpus=0.25), MIXED) == 8
    assert capacity(Resources(cpus=1, gpus=0.1), MIXED) == 8
    assert at_once(Resources(workers=3, cpus=3, gpus=0), MIXED) == 1


def test_an_elastic_job_fits_with_its_least_and_begins_with_what_there_is(ask: MakeRequest) -> None:
    fields = {"workers": {"min": 2, "max": 12}, "cpus": 4, "gpus": 0}
    preflight([ask(**fields)], MIXED)
    resources = Resources.model_validate(fields)
    assert expected(resources, MIXED) == 4
    assert expected(resources, SMALL) == 2, "it waits for its least"
    assert expected(Resources(workers=3, gpus=0), MIXED) == 3
    assert at_once(resources, MIXED) == 1
    with pytest.raises(ClusterError, match=r"needs 8 CPUs \(2 workers x 4\), the cluster has 2"):
        preflight([ask(**fields)], SMALL)
