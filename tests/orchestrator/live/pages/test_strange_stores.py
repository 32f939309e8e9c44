"""Stores that are damaged, newer, gone or hostile: a sentence, no traceback."""

import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import pytest

from compound.cluster.runner import OnEvent, Take, in_order
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.schema_version import SCHEMA_VERSION
from compound.orchestrator.study import Study
from compound.schemas.errors import RunError
from compound.schemas.job import Cause, EpochRow, Event, JobRequest, JobResult
from compound.schemas.metrics import ACCURACY
from tests.support.hostile_strings import HOSTILE
from tests.support.live_pages import STUDY, Pages
from tests.support.many_jobs import Scene
from tests.support.simulated_studies import Silent

PagesOf = Callable[[str | Path], Pages]
NAME = STUDY.rpartition("/")[2]


@pytest.fixture
def copy(published_store: str, tmp_path: Path) -> Path:
    """The published study, to be harmed."""
    shutil.copytree(published_store, tmp_path / "store", ignore=shutil.ignore_patterns("jobs"))
    # Files of jobs are only read.
    jobs = Path(published_store) / "jobs"
    shutil.copytree(jobs, tmp_path / "store" / "jobs", copy_function=os.link)
    return tmp_path / "store"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("document", ["spec.json", "verdict.json", "answer.json", "test.json"])
def test_a_damaged_document_is_a_sentence(copy: Path, pages_of: PagesOf, document: str) -> None:
    flip(copy / "studies" / NAME / document)
    answer = pages_of(copy).read(STUDY)
    assert answer.status_code == 500
    assert "damaged" in answer.text and document in answer.text and "Next:" in answer.text
    assert "Traceback" not in answer.text


def test_a_damaged_plan_is_said_to_scripts_too(copy: Path, pages_of: PagesOf) -> None:
    flip(copy / "studies" / NAME / "plan.json")
    answer = pages_of(copy).read(f"{STUDY}/charts.json")
    assert answer.status_code == 500 and "damaged" in answer.json()["error"]
    assert "plan.json" in answer.json()["where"] and answer.json()["next"]


def test_a_newer_document_is_a_sentence(copy: Path, pages_of: PagesOf) -> None:
    path = copy / "studies" / NAME / "verdict.json"
    from compound.jobs.store.format.checksummed_json import _HEAD, _HEX, sha256

    rest = path.read_bytes()[len(_HEAD) + _HEX :]
    newer = rest.replace(b'"schema_version": ', b'"schema_version": 9', 1)
    path.write_bytes(_HEAD + sha256(newer).encode() + newer)
    answer = pages_of(copy).read(STUDY)
    assert answer.status_code == 501
    assert f"this program reads up to {SCHEMA_VERSION}" in answer.text
    assert "update compound" in answer.text


def test_a_lost_document_is_said_beside_the_rest(copy: Path, pages_of: PagesOf) -> None:
    (copy / "studies" / NAME / "along.json").unlink()
    answer = pages_of(copy).read(STUDY)
    assert answer.status_code == 200 and "along.json" in answer.text


def test_a_store_that_vanishes_leaves_what_was_known(copy: Path, pages_of: PagesOf) -> None:
    pages = pages_of(copy)
    before = pages.read(STUDY)
    assert before.status_code == 200
    shutil.rmtree(copy)
    for _ in range(200):
        answer = pages.read(STUDY)
        if "cannot be read now" in answer.text:
            break
        time.sleep(0.05)
    assert answer.status_code == 200 and "there is no store here" in answer.text
    assert "phi 3" in answer.text
    assert answer.headers["etag"] != before.headers["etag"]
    gone = pages.read("/studies/other")
    assert gone.status_code == 503 and gone.headers["retry-after"]
    assert "Next:" in gone.text


def test_a_study_that_appears_is_there_at_once(tmp_path: Path, pages_of: PagesOf) -> None:
    ArtifactStore.open(str(tmp_path))
    pages = pages_of(tmp_path)
    assert "has no study yet" in pages.read("/").text
    answer = pages.read("/studies/new")
    assert answer.status_code == 404 and "compound run SPEC" in answer.text


class Failing:
    """A runner whose jobs fail with the words of a stranger."""

    stopping = False

    def __init__(self, messages: Sequence[str]) -> None:
        self._messages = messages

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        ledger = ArtifactStore.open(store)
        return [self._failed(i, request, ledger, on_event) for i, request in enumerate(requests)]

    def _failed(
        self, index: int, request: JobRequest, store: ArtifactStore, on_event: OnEvent
    ) -> JobResult:
        job, message = request.job, self._messages[index % len(self._messages)]
        event = {"job": job.id, "label": request.label, "attempt": 1, "host": message[:200]}
        on_event(Event(kind="again", message=message, **event))
        with store.writer(job) as writer:
            writer.resume()
            row = {"job": job.id, "attempt": writer.attempt, "metrics": {ACCURACY: 0.5}}
            writer.log(EpochRow(epoch=1, step=1, wall_time=1.7e9, **row))
            cause = Cause(kind="error", message=message, traceback=message)
            result = JobResult(status="failed", epochs=1, cause=cause, **row)
            writer.finish(result, None)
        on_event(Event(kind="ended", result=result, **event))
        return result

    def request_stop(self) -> None:
        """Everything has ended."""


WORDS = [
    text for text in HOSTILE if text.isascii() or text.encode("utf-8", "ignore").decode() == text
]
"""Of strangers, without those that no JSON holds."""
MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "javascript:alert(1)",
    "</pre></textarea></title><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    '=HYPERLINK("http://evil.example")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "a\r\nSet-Cookie: x=1",
)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.dangers: list[tuple[str, object]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        ours = (fields.get("src") or "").startswith("/static/")
        if tag == "script" and not (ours or fields.get("type") == "application/json"):
            self.dangers.append((tag, attrs))
        if tag in ("svg", "iframe", "object", "base", "img", "embed"):
            self.dangers.append((tag, attrs))
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.dangers.append((tag, (name, value)))


def dangers(page: str) -> list[tuple[str, object]]:
    """Return the elements and attributes of a page that could run a stranger's code."""
    reader = _Elements()
    reader.feed(page)
    # What was searched for stands in its field again.
    return [each for each in reader.dangers if each[1] != ("value", "javascript:alert(1)")]


@pytest.fixture(scope="module")
def hostile_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study whose jobs have failed with hostile messages, and have hostile hosts."""
    folder = str(tmp_path_factory.mktemp("hostile"))
    scene = Scene.of(("name=hostile", "search.design.step=0.1"), folder)
    runner = Failing((*MARKUP, *WORDS))
    with suppress(RunError):
        Study(scene.spec, "", scene.store, runner, Silent()).run(scene.prepared())
    return scene.spec.store


def test_words_of_strangers_are_text(hostile_store: str, pages_of: PagesOf) -> None:
    pages = pages_of(hostile_store)
    jobs = pages.read("/studies/hostile/tables/jobs?jobs.rows=500")
    listed = re.findall(r'data-job="([0-9a-f]{16})"', jobs.text)[: len(MARKUP) + len(WORDS)]
    paths = ["/studies/hostile", "/studies/hostile/progress", "/compare?left=hostile"]
    answers = [jobs, *map(pages.read, (*paths, *(f"/studies/hostile/jobs/{j}" for j in listed)))]
    for answer in answers:
        assert answer.status_code == 200
        assert not dangers(answer.text)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", answer.text)
    assert "&lt;script&gt;alert(1)" in jobs.text


def test_a_spreadsheet_computes_none_of_them(hostile_store: str, pages_of: PagesOf) -> None:
    answer = pages_of(hostile_store).read("/studies/hostile/tables/jobs.csv")
    cells = [cell.strip('"') for line in answer.text.splitlines() for cell in line.split('","')]
    assert not [cell for cell in cells if re.match(r"\s*[=+@]|\s*-(?![\d.]+$)", cell)]
    assert "'=HYPERLINK" in answer.text


@pytest.mark.parametrize("text", [*MARKUP, *WORDS[:8]])
def test_a_hostile_url_is_text_too(client: Pages, text: str) -> None:
    for answer in (
        client.get(f"{STUDY}/tables/jobs", params={"jobs.q": text, "jobs.sort": "epoch"}),
        client.get(f"{STUDY}/tables/jobs", params={f"jobs.{text}": "1"}),
        client.get("/compare", params={"left": text}),
        client.get(f"{STUDY}/tables/jobs", params={f"x{text}.q": text}),
    ):
        assert answer.status_code in (200, 400, 404)
        assert not dangers(answer.text)
        assert "x=1" not in answer.headers.get("set-cookie", "")
