"""What the live page of a large study costs: its answers, its news, its memory and its start.

    python -m benchmarks.dashboard [--epochs 100] [--studies 1000] [--store FOLDER] [--rounds 5]

A study of 10,100 jobs (benchmarks/tables/scale.yaml) with made-up training of 100 epochs is served
by `compound dashboard` in a process of its own, and asked for by HTTP, one request after another.
The first answers are cold: nothing has been read. `--store`: a folder where the stores are kept;
what is there already is not made again. A second store has 1,000 small studies.

Goals: every answer below 0.3 s once the study has been read, news that nothing is new below 0.3 s,
memory below 500 MB.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import RootModel

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.reading.network_table import stored_documents
from compound.orchestrator.records.job_list import planning
from tests.support.page_stores import rehearsed

PAGES = (
    "/",
    "/studies/large",
    "/studies/large/progress",
    "/studies/large/tables/jobs",
    "/studies/large/tables/jobs?jobs.sort=-accuracy&jobs.page=100",
    "/studies/large/tables/jobs?jobs.q=s3&jobs.accuracy.min=0.6",
    "/studies/large/tables/candidates?candidates.sort=macs",
    "/studies/large/charts.json",
    "/studies/large/charts.json?candidates.accuracy.min=0.6",
    "/studies/large/jobs/{job}",
    "/studies/large/jobs/{job}/curves.json",
    "/studies/large/tables/jobs.csv",
    "/compare?left=large&right=large",
)
FILE = "/studies/large/files/metrics.csv"
"""Every metric of every epoch: three million lines."""


class Served:
    """A server in a process of its own."""

    def __init__(self, store: str) -> None:
        command = [sys.executable, "-m", "compound", "dashboard", store, "--port", "0"]
        self._began = time.perf_counter()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip().rstrip("/")
        self.printed = self.age

    @property
    def age(self) -> float:
        """Seconds since the command was typed."""
        return time.perf_counter() - self._began

    def ask(self, path: str, etag: str = "") -> tuple[int, float, int, str]:
        """Return the code of an answer, its seconds, its bytes and its ETag."""
        began = time.perf_counter()
        request = urllib.request.Request(f"{self.url}{path}")
        request.add_header("If-None-Match", etag)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                size = sum(map(len, iter(lambda: answer.read(2**20), b"")))
                code, tag = answer.status, answer.headers.get("ETag", "")
        except urllib.error.HTTPError as error:
            code, size, tag = error.code, 0, ""
        return code, time.perf_counter() - began, size, tag

    def until_read(self, path: str) -> tuple[float, float]:
        """Ask until there is an answer; return the seconds in all, and of the slowest refusal."""
        began, slowest = time.perf_counter(), 0.0
        while True:
            code, seconds, _, _ = self.ask(path)
            if code != 503:
                return time.perf_counter() - began, slowest
            slowest = max(slowest, seconds)
            time.sleep(0.2)

    def unread(self) -> bool:
        """Whether studies of the list have not been read yet."""
        with urllib.request.urlopen(f"{self.url}/tables/studies.csv") as answer:
            return '"reading"' in answer.read().decode()

    def memory(self) -> float:
        """Return the most memory that the server has held, in MB."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(peak) * 1024 / 1e6

    def close(self) -> None:
        """Stop the server as Ctrl-C does."""
        self._process.send_signal(2)
        self._process.wait()


@contextmanager
def served(store: str) -> Iterator[Served]:
    """Serve a store as long as the block runs."""
    server = Served(store)
    try:
        yield server
    finally:
        server.close()


def large_store(folder: Path, epochs: int) -> str:
    """Return the store of the large study; it is made where there is none."""
    store = folder / "name=large"
    if not (store / "studies" / "large" / "verdict.json").exists():
        began = time.perf_counter()
        rehearsed(folder, "name=large", f"search.train.epochs={epochs}")
        print(f"{'store made in':44}{time.perf_counter() - began:8.0f} s", flush=True)
    return str(store)


class _Content(RootModel[dict[str, Any]]):
    """Any document."""


def many_studies(folder: Path, number: int) -> str:
    """Return a store with so many small studies, which share their jobs: one, and copies of it."""
    few = ("search.design.step=0.1", "search.seeds=1", "search.train.epochs=3")
    store = ArtifactStore.open(str(folder / few[0]))
    if "first" not in store.studies():
        rehearsed(folder, *few, "name=first")
    for index in range(len(store.studies()), number):
        _copy(store, f"study-{index:04}")
    return store.uri


def _copy(store: ArtifactStore, name: str) -> None:
    """Write the documents of the first study as another one's."""
    first, folder = store.study("first"), store.study(name)
    jobs = first.done_jobs.read()
    names = [file for file in first.sizes() if file.endswith(".json")]
    for document in set(names) - {"contents.json", "lease.json"}:
        content = first.read(document, _Content)
        assert content is not None
        folder.write(document, content)
    spec = stored_documents(store, "first").record.spec
    lines = first.planned_jobs.read(first.sizes(), planning(spec))
    sizes = {
        document: size for document, size in folder.sizes().items() if document in planning(spec)
    }
    folder.planned_jobs.write(sizes, lines or ())
    done = folder.done_jobs
    done.add(jobs.values())
    done.write()


def measure(store: str, rounds: int) -> None:
    """Print what a server of the large study answers, how fast, and what it holds."""
    job = ArtifactStore.open(store, create=False).jobs()[0]
    with served(store) as server:
        print(f"{'address printed after':44}{server.printed:8.2f} s")
        _, seconds, _, _ = server.ask("/")
        print(f"{'first answer after':44}{server.age:8.2f} s")
        for path in ("/studies/large", "/studies/large/tables/candidates", PAGES[7]):
            seconds, slowest = server.until_read(path)
            print(f"{'cold: ' + path:44}{seconds:8.2f} s, refused within {slowest:.2f} s")
        for page in PAGES:
            path = page.format(job=job)
            answers = [server.ask(path) for _ in range(rounds)]
            show(page, [seconds for _, seconds, _, _ in answers], f"{answers[0][2]:,} bytes")
        for path in ("/studies/large/progress", "/studies/large/charts.json"):
            _, _, _, etag = server.ask(path)
            news = [server.ask(path, etag) for _ in range(rounds)]
            codes = ", ".join(str(code) for code in {code for code, *_ in news})
            show(f"news: {path}", [seconds for _, seconds, _, _ in news], codes)
        print(f"{'memory, at most':44}{server.memory():8.0f} MB")
        _, seconds, size, _ = server.ask(FILE)
        print(f"{FILE:44}{seconds:8.2f} s  {size / 1e6:,.0f} MB")
        print(f"{'memory with that file, at most':44}{server.memory():8.0f} MB", flush=True)


def measure_many(store: str, rounds: int) -> None:
    """Print what a server of many studies answers."""
    with served(store) as server:
        began = time.perf_counter()
        server.until_read("/")
        print(f"{'first rows after':44}{time.perf_counter() - began:8.2f} s")
        while server.unread():
            time.sleep(0.5)
        print(f"{'all studies read after':44}{time.perf_counter() - began:8.2f} s")
        for path in ("/", "/?studies.sort=-best_accuracy&studies.page=7"):
            show(path, [server.ask(path)[1] for _ in range(rounds)])
        print(f"{'memory, at most':44}{server.memory():8.0f} MB", flush=True)


def show(name: str, seconds: Sequence[float], words: str = "") -> None:
    """Print the median of some times, and the longest."""
    middle, longest = statistics.median(seconds), max(seconds)
    print(f"{name[:60]:62}{middle:7.3f} s, at most {longest:.3f}  {words}", flush=True)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=Path, help="where the stores lie; by default temporary")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.store or Path(temporary)
        measure(large_store(folder, options.epochs), options.rounds)
        if options.studies:
            measure_many(many_studies(folder, options.studies), options.rounds)


if __name__ == "__main__":
    main()
