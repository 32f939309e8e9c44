"""Ray Jobs on a cluster with token mode on; and a driver that is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.cluster.ray_jobs import Jobs
from compound.cluster.ray_session import Session
from compound.schemas.errors import ClusterError, SpecError
from tests.support.brief_runs import FATES, written
from tests.support.driver_processes import Driver
from tests.support.leftovers import processes_named
from tests.support.ray_state import held, own_cluster
from tests.support.requests import MakeRequest

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Poll until something is so; fail when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.3)


@pytest.fixture
def server(ray_session: Session) -> Jobs:
    """The job server of the shared cluster."""
    return Jobs(ray_session.dashboard_url)


def test_a_job_is_submitted_with_the_program_and_followed(server: Jobs, tmp_path: Path) -> None:
    (tmp_path / "where.py").write_text(
        "import compound, os; print(os.getcwd(), compound.__file__)\n"
    )
    job = server.submit_command(["python", "where.py"], "quickstart-1", tmp_path)
    printed = "".join(server.follow(job))
    assert job == "quickstart-1"
    assert printed.count("runtime_resources") == 2, "working folder and program were uploaded"
    wait_for(lambda: server.status(job) == "SUCCEEDED", 20)
    assert server.logs(job) == printed


def test_a_running_job_is_stopped(server: Jobs, tmp_path: Path) -> None:
    (tmp_path / "wait.py").write_text("import time; print('up', flush=True); time.sleep(600)\n")
    job = server.submit_command(["python", "wait.py"], "quickstart-2", tmp_path)
    wait_for(lambda: "up" in server.logs(job), 40)
    assert server.stop(job)
    wait_for(lambda: server.status(job) == "STOPPED", 20)
    with pytest.raises(ClusterError, match="quickstart-none"):
        server.status("quickstart-none")


def test_a_factory_is_found_beside_its_spec(server: Jobs, tmp_path: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    (tmp_path / "specs").mkdir()
    for name in ("factory.yaml", "small_resnet.py"):
        (tmp_path / "specs" / name).write_text((examples / name).read_text())
    smaller = ["search.seeds=1", "search.design.degree=1", "family.phi=[]", "train.epochs=1"]
    spec, store = tmp_path / "specs" / "factory.yaml", f"store={tmp_path / 'runs'}"
    options = ["--allow-import"]
    job = server.submit(spec, "own", [*smaller, store], working_dir=tmp_path, options=options)
    printed = "".join(server.follow(job))
    assert "search: 5 jobs done in " in printed, printed


def test_a_spec_outside_the_folder_is_refused(server: Jobs, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    with pytest.raises(SpecError, match="outside the folder"):
        server.submit(tmp_path / "spec.yaml", "quickstart", working_dir=folder)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"RAY_AUTH_TOKEN": "wrong" * 8}, "refuses this token"),
        ({"RAY_AUTH_MODE": "disabled"}, "requires a token"),
    ],
)
def test_without_the_token_the_error_says_so(
    ray_session: Session, variables: dict[str, str], message: str
) -> None:
    code = "import sys; from compound.cluster.ray_jobs import Jobs; Jobs(sys.argv[1])"
    command = [sys.executable, "-c", code, str(ray_session.dashboard_url)]
    ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)
    assert f"ClusterError: {ray_session.dashboard_url}: the cluster {message}" in ended.stderr
    assert "export RAY_AUTH_TOKEN" in ended.stderr


def test_a_killed_driver_takes_its_ray_along() -> None:
    """All of it at once but two idle agents, which wait 60 s for a last message to get through."""
    code = (
        "import time; from compound.cluster.ray_session import connect; session = connect(cpus=1)\n"
        "import ray; print(ray._private.worker._global_node.get_session_dir_path(), flush=True)\n"
        "time.sleep(600)"
    )
    variables = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as driver:
        assert driver.stdout is not None
        folder = driver.stdout.readline().strip()
        assert processes_of(folder)
        driver.send_signal(signal.SIGKILL)
    wait_for(lambda: len(processes_of(folder)) <= 2, 20)
    left = [Path(f"/proc/{pid}/cmdline").read_text() for pid in processes_of(folder)]
    assert all("Agent" in command for command in left)


def test_a_killed_driver_leaves_nothing_on_a_cluster(
    ray_session: Session, make_request: MakeRequest, tmp_path: Path
) -> None:
    """Actors, detached ones too, placement groups and demands: as before within half a minute."""
    cluster = own_cluster()
    before = held(cluster)
    driver = Driver(tmp_path / "driver", [make_request(77, workers=2, epochs=500)], cluster)
    driver.epoch(1)
    detached = {each for each in held(cluster) - before if "(detached)" in each}
    assert {each.split()[1] for each in detached} == {"PlacementGroupCleaner"}
    driver.kill()
    wait_for(lambda: held(cluster) <= before, 60)


def test_a_submitted_driver_that_is_killed_leaves_nothing(server: Jobs, tmp_path: Path) -> None:
    cluster = own_cluster()
    before, store = held(cluster), tmp_path / "runs"
    (fate,) = (fate for fate in FATES if fate.name == "kill -9")
    spec = written(tmp_path, str(store), fate, workers=1)
    job = server.submit(spec, "brief", working_dir=tmp_path, options=["--allow-import"])
    wait_for(lambda: any(store.glob("jobs/*/*/live.arrows")), 200)
    (driver,) = (pid for pid in processes_named("compound", "run", spec.name))
    os.kill(driver, signal.SIGKILL)
    wait_for(lambda: server.status(job) == "FAILED", 60)
    wait_for(lambda: held(cluster) <= before, 60)


def processes_of(session_folder: str) -> list[int]:
    """The processes that have a file of this Ray session open, or name it in their command."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if uses(entry, session_folder)]


def uses(entry: Path, folder: str) -> bool:
    if not entry.name.isdigit():
        return False
    try:
        command = (entry / "cmdline").read_bytes().decode(errors="replace")
        opened = [os.readlink(link) for link in (entry / "fd").iterdir()]
    except OSError:
        return False
    return folder in command or any(link.startswith(folder) for link in opened)
