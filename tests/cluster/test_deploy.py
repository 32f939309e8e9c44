"""The cluster file, the interface, the gauges: what can be checked without starting Ray."""

from pathlib import Path

import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from compound.cluster.gauges import StudyGauges
from compound.cluster.network_interface import interface_of
from compound.schemas.job import EpochRow, Event, JobResult
from tests.support.requests import MakeRequest

ROOT = Path(__file__).parents[2]


def test_the_cluster_file_is_valid_for_ray() -> None:
    config = prepare_config(yaml.safe_load((ROOT / "ray-cluster.yaml").read_text()))
    validate_config(config)
    starts = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    commands = [line for line in starts if "ray start" in line]
    assert all("RAY_AUTH_MODE=token" in line for line in commands)
    assert "--dashboard-host=127.0.0.1" in commands[0]


def test_an_interface_is_found_by_its_address() -> None:
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("203.0.113.77") is None


def test_gauges_follow_the_events(make_request: MakeRequest) -> None:
    gauges = StudyGauges("quickstart")
    first, second = (make_request(seed).job.id for seed in (0, 1))

    def row(accuracy: float) -> EpochRow:
        metrics = {"validation_accuracy": accuracy, "images_per_second": 50.0}
        return EpochRow(job=first, attempt=1, epoch=1, step=1, metrics=metrics, wall_time=0.0)

    for event in (
        Event(kind="waiting", job=first),
        Event(kind="waiting", job=second),
        Event(kind="started", job=first),
        Event(kind="epoch", job=first, row=row(0.5)),
        Event(kind="epoch", job=first, row=row(0.4)),
    ):
        gauges(event)
    expected = {"compound_jobs_running": 1, "compound_jobs_waiting": 1, "compound_jobs_done": 0}
    expected |= {"compound_best_metric": 0.5, "compound_images_per_second": 50.0}
    assert gauges.values().items() >= expected.items()
    result = JobResult(job=first, status="done", attempt=1, epochs=2)
    gauges(Event(kind="ended", job=first, result=result))
    assert gauges.values()["compound_jobs_done"] == 1
    assert gauges.values()["compound_images_per_second"] == 0
