"""What the status of a study costs: how many requests in a bucket, and what is read on a disk."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.jobs.data.source import summarise
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.open_files import files_at
from compound.orchestrator.cli.study.status import status
from compound.orchestrator.prepare import prepare
from compound.orchestrator.records.documents import documents
from compound.orchestrator.records.job_list import lines_of, planning
from compound.orchestrator.spec.load import load
from compound.orchestrator.study import Study
from compound.schemas.job import TrainJob
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from tests.support.back_ends import LONG
from tests.support.fault_proxy import proxy_of
from tests.support.servers import Servers
from tests.support.simulated_studies import Silent, Simulated

SPEC = Path(__file__).parents[4] / "benchmarks/tables/scale.yaml"
NAME = "scale"


def accuracy(job: TrainJob) -> float:
    return 0.5 + int(job.id[:6], 16) / 2**24 / 50


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a study of a few hundred jobs, all done."""
    return carried_out(tmp_path_factory.mktemp("scale") / "runs", "search.design.step=0.05")


def carried_out(path: Path, *sets: str) -> Path:
    spec = load(SPEC, [f"name={NAME}", f"store={path}", *sets]).spec
    assert isinstance(spec, StudySpec)
    store = ArtifactStore.open(str(path))
    plan = prepare(spec, summarise(spec.data), store).plan
    assert isinstance(plan, Plan)
    Study(spec, "", store, Simulated(accuracy), Silent()).run(plan)
    return path


def status_of(uri: str, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> str:
    status(NAME, uri, as_json=as_json)
    return capsys.readouterr().out


def test_the_roster_says_what_the_plan_says(ended: Path) -> None:
    folder = ArtifactStore.open(str(ended)).study(NAME)
    documents_read = documents(folder)
    assert documents_read
    lines = folder.planned_jobs.read(folder.sizes(), planning(documents_read.record.spec))
    assert lines == lines_of(documents_read) and len(lines) > 100


def test_status_is_the_same_without_roster_and_index(
    ended: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    studies = ended / "studies" / NAME
    tables = [*studies.glob("planned-*.parquet"), *studies.glob("jobs-*.parquet")]
    assert len(tables) == 2
    for as_json in (False, True):
        before = status_of(str(ended), capsys, as_json=as_json)
        for table in tables:
            table.rename(tmp_path / table.name)
        assert status_of(str(ended), capsys, as_json=as_json) == before
        for table in tables:
            (tmp_path / table.name).rename(table)


def test_a_roster_of_another_plan_is_not_believed(
    ended: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ended / "studies" / NAME / "plan.json"
    before, plan = status_of(str(ended), capsys), path.read_bytes()
    folder = ArtifactStore.open(str(ended)).study(NAME)
    shorter = folder.read("plan.json", Plan)
    assert shorter
    folder.write("plan.json", shorter.model_copy(update={"jobs": shorter.jobs[:3]}))
    after = status_of(str(ended), capsys)
    path.write_bytes(plan)
    rows = [len(re.findall(r"(?m)^search .* done ", text)) for text in (after, before)]
    assert rows == [3, len(shorter.jobs)]
    assert status_of(str(ended), capsys) == before


def test_a_damaged_roster_is_passed_over(
    ended: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = (ended / "studies" / NAME).glob("planned-*.parquet")
    before, data = status_of(str(ended), capsys), path.read_bytes()
    path.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    assert status_of(str(ended), capsys) == before and "the plan itself" in caplog.text
    path.write_bytes(data)


@pytest.fixture
def requests_of(
    reach: Callable[[str], str],
    servers: Servers,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, Path], tuple[int, int]]:
    """Copy a store into a bucket, ask for its status; count jobs, and requests."""

    def count(name: str, source: Path) -> tuple[int, int]:
        uri = reach(name)
        source_files, target_files = files_at(str(source))[0], files_at(uri)[0]
        target_files.put({key: source_files.read(key) or b"" for key in source_files.walk("")})
        with proxy_of(servers.get(name).endpoint) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
            status = json.loads(status_of(uri, capsys, as_json=True))
        assert status["counts"] == {"done": len(status["jobs"])}
        return len(status["jobs"]), len(proxy.seen)

    return count


@pytest.mark.s3
def test_status_asks_a_bucket_a_few_times(ended: Path, requests_of) -> None:
    """A request a thousand jobs, and nine more."""
    jobs, requests = requests_of("moto", ended)
    assert jobs > 100 and requests <= 9 + -(-jobs // 1000)


@pytest.mark.s3
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not LONG, reason="puts forty thousand objects: `make test-s3` runs it")
def test_status_of_ten_thousand_jobs_takes_twenty_requests(tmp_path: Path, requests_of) -> None:
    jobs, requests = requests_of("swift", carried_out(tmp_path / "runs"))
    assert jobs > 10_000 and requests <= 20
