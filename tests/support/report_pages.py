"""Report pages as a browser reads them, and the studies they show."""

import json
from html.parser import HTMLParser

from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.scale.family import plan_family
from compound.schemas.data import DataInfo
from compound.schemas.job import Cause, EpochRow, JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.study import SPEC, StudySpec

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


DATA = DataInfo(
    fingerprint="f" * 16,
    classes=("cat", EVIL),
    in_channels=3,
    size=32,
    train=900,
    validation=500,
    quarantined=tuple(f"{EVIL}-{i}.png: truncated" for i in range(25)),
)


BASELINE = {
    "resolution": 32,
    "stages": [
        {"kernel": 3, "stride": 1, "expand": 1, "repeats": 2, "channels": 16},
        {"kernel": 3, "stride": 2, "expand": 4, "repeats": 3, "channels": 24},
        {"kernel": 5, "stride": 2, "expand": 4, "repeats": 3, "channels": 48},
    ],
    "head": 96,
}


class Page(HTMLParser):
    """What a browser would run, load and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.figures: dict[int, str] = {}
        self.kinds: list[str] = []
        self.loads: list[tuple[str, str]] = []
        self.handlers: list[str] = []
        self.policy = ""
        self.shown: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.inside = tag
        self.handlers += [name for name in attributes if name.startswith("on")]
        self.loads += [(tag, attributes[name]) for name in ("src", "href") if name in attributes]
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]
        if tag == "script":
            self.kinds.append(attributes.get("type", ""))
            self.scripts.append("")
            if "data-figure" in attributes:
                self.figures[len(self.scripts) - 1] = attributes["data-figure"]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        else:
            self.shown.append(data)


def spec_of(seeds: int = 2, phi: tuple[float, ...] = (1, 2)) -> StudySpec:
    spec = SPEC.validate_python(
        {
            "kind": "study",
            "name": "photographs",
            "data": {"source": "digits"},
            "baseline": BASELINE,
            "search": {
                "design": {"kind": "lattice", "degree": 3},
                "budget": {"tolerance": 0.1},
                "seeds": seeds,
                "train": {"epochs": 2},
            },
            "family": {"phi": phi},
        }
    )
    assert isinstance(spec, StudySpec)
    return spec


def ended(job: str, accuracy: float) -> JobResult:
    metrics = {ACCURACY: accuracy}
    return JobResult(job=job, status="done", attempt=1, epochs=2, metrics=metrics, seconds=3)


def failed(job: str) -> JobResult:
    cause = Cause(kind="diverged", message=f"loss is NaN {EVIL}", traceback=f"Traceback {EVIL}")
    return JobResult(job=job, status="failed", attempt=1, epochs=1, cause=cause)


def rows_of(job: str, accuracy: float) -> list[EpochRow]:
    return [
        EpochRow(job=job, attempt=1, epoch=n, step=n, metrics={ACCURACY: value}, wall_time=1.0)
        for n, value in ((1, accuracy / 2), (2, accuracy))
    ]


def study(seeds: int = 2, break_every: int = 0, stop_after: int | None = None) -> ReportInputs:
    """Return a study whose n-th job scores a little more than the one before it."""
    spec = spec_of(seeds)
    plan = plan_study(spec, DATA)
    results, rows = {}, {}
    for n, planned in enumerate(plan.jobs[:stop_after]):
        job, accuracy = planned.request.job.id, 0.6 + 0.01 * (n % 7)
        broken = break_every and n % break_every == 0
        results[job] = failed(job) if broken else ended(job, accuracy)
        rows[job] = [] if broken else rows_of(job, accuracy)
    verdict = analyse(spec, plan, results)
    return ReportInputs(
        spec=spec,
        spec_text=f"kind: study\n# {EVIL}\n",
        baseline=plan.baseline,
        data=DATA,
        plan=plan,
        verdict=verdict,
        results=results,
        rows=rows,
    )


def with_family(inputs: ReportInputs) -> ReportInputs:
    assert inputs.verdict and inputs.verdict.coefficients
    family = plan_family(inputs.spec, inputs.baseline, DATA, inputs.verdict.coefficients)
    jobs = [job.request.job.id for member in family.members for job in member.jobs]
    return ReportInputs(
        spec=inputs.spec,
        spec_text=inputs.spec_text,
        baseline=inputs.baseline,
        data=DATA,
        plan=inputs.plan,
        verdict=inputs.verdict,
        family=family.members,
        results={**inputs.results, **{job: ended(job, 0.8) for job in jobs}},
        rows={**inputs.rows, **{job: rows_of(job, 0.8) for job in jobs}},
    )


def figures_in(page: Page) -> dict[str, dict]:
    """Return the figures of a page by name, as a browser reads them."""
    return {name: json.loads(page.scripts[place]) for place, name in page.figures.items()}
