"""`compound dashboard` as a process: its address, its end, and what it refuses."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.command import compound


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store."""
    folder = tmp_path_factory.mktemp("dashboard") / "runs"
    ArtifactStore.open(str(folder))
    return folder


@contextmanager
def running(*words: str, cwd: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; yield its process and the address that it has printed."""
    command = [sys.executable, "-m", "compound", "dashboard", *words]
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def asked(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(store: Path, number: signal.Signals) -> None:
    with running(store.name, "--port", "0", cwd=store.parent) as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
        code, page = asked(url)
        assert code == 200 and "has no study yet" in page
        process.send_signal(number)
        assert process.wait(60) == 130
        assert process.stdout is not None
        words = process.stdout.read()
    assert "Stop it with Ctrl-C" in words and "interrupted" in words and "Traceback" not in words


def test_beyond_this_machine_it_asks_for_the_token_that_it_prints(store: Path) -> None:
    with running(str(store), "--port", "0", "--host", "0.0.0.0") as (_, url):
        address, _, token = url.partition("#token=")
        port = address.rstrip("/").rpartition(":")[2]
        ours = f"http://127.0.0.1:{port}/"
        assert len(token) >= 43 and asked(ours)[0] == 401
        assert asked(ours, Authorization=f"Bearer {token}")[0] == 200
        assert asked(ours, Authorization=f"Bearer {token}", Host="evil.example")[0] == 400


def test_a_port_that_is_taken_is_a_sentence_with_a_free_one(store: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = compound("dashboard", str(store), "--port", str(port))
    assert done.returncode == 2
    assert f"127.0.0.1:{port}: Address already in use" in done.stderr
    (free,) = re.findall(rf"next: compound dashboard {store} --port (\d+)", done.stderr)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", int(free)))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere",), "there is no store here"),
        (("ftp://host/store",), "this kind of store is not supported"),
        (("{store}", "--host", "192.0.2.1"), "cannot listen on 192.0.2.1:8765"),
        (("{store}", "--host", "no such host"), "cannot listen on no such host:8765"),
        (("{store}", "--port", "70000"), "65535"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(
    store: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = compound("dashboard", *(word.format(store=store) for word in words), cwd=store.parent)
    assert done.returncode == 2 and sentence in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_a_slow_answer_ends_with_the_server(store: Path) -> None:
    with running(str(store), "--port", "0") as (process, url):
        assert asked(url)[0] == 200
        port = int(url.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(60)
        assert time.monotonic() - began < 30
