"""What a user reads when an endpoint, a bucket or a setting is wrong: soon, and without secrets."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.errors import StoreError
from tests.support.back_ends import LONG, S3_SERVERS
from tests.support.fault_proxy import Fault, Proxy, proxy_of
from tests.support.servers import BUCKET, Servers

pytestmark = pytest.mark.s3

SECRET, TOKEN = "canary-secret-0123456789", "canary-token-0123456789"
LIMIT_S = 10.0

needs_swift = pytest.mark.skipif(
    not LONG, reason="the only server that checks keys: Swift, in `make test-all`"
)


@pytest.fixture
def proxy(
    reach: Callable[[str], str], servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxy]:
    reach("moto")
    with proxy_of(servers.get("moto").endpoint) as started:
        monkeypatch.setenv("AWS_ENDPOINT_URL", started.endpoint)
        yield started


def refused(uri: str = f"s3://{BUCKET}/x", create: bool = True) -> StoreError:
    began = time.monotonic()
    with pytest.raises(StoreError) as caught:
        ArtifactStore.open(uri, create=create)
    assert time.monotonic() - began < LIMIT_S
    text = f"{caught.value} {caught.value.__cause__!r}"
    assert SECRET not in text and TOKEN not in text
    assert caught.value.next_step
    return caught.value


@pytest.mark.parametrize("server", S3_SERVERS)
def test_a_missing_bucket_is_named(reach: Callable[[str], str], server: str) -> None:
    reach(server)
    for create in (True, False):
        error = refused("s3://no-such-bucket/runs", create)
        assert "bucket 'no-such-bucket'" in error.message and "no such bucket" in error.message
        assert "(s3:" in error.message and "`store`" in error.next_step


@needs_swift
@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_keys_are_told(
    reach: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    uri = reach("swift")
    monkeypatch.setenv(variable, SECRET)
    error = refused(uri)
    assert f"bucket '{BUCKET}'" in error.message and "(s3:GetObject)" in error.message
    assert "do not belong together" in error.message and variable in error.next_step


@needs_swift
def test_an_account_without_rights_is_told(
    reach: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = reach("swift")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test:reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "reading")
    assert "may not" in refused(uri).message


@pytest.mark.parametrize(
    ("fault", "reason", "advice"),
    [
        (Fault("answer", 99, status=400, code="ExpiredToken"), "expired", "AWS_SESSION_TOKEN"),
        (Fault("answer", 99, status=400, code="InvalidToken"), "not valid", "AWS_SESSION_TOKEN"),
        (Fault("answer", 99, status=403, code="RequestTimeTooSkewed"), "clock", "clock"),
        (
            Fault(
                "answer",
                99,
                status=400,
                code="AuthorizationHeaderMalformed",
                more="<Region>eu-west-3</Region>",
            ),
            "another region, eu-west-3",
            "AWS_REGION=eu-west-3",
        ),
        (
            Fault(
                "answer",
                99,
                status=301,
                code="PermanentRedirect",
                headers={"x-amz-bucket-region": "eu-west-3"},
            ),
            "another region, eu-west-3",
            "AWS_REGION=eu-west-3",
        ),
        (Fault("answer", 99, status=403, code="InvalidAccessKeyId"), "unknown", "_ACCESS_KEY_ID"),
        (Fault("answer", 99, status=403, code="SignatureDoesNotMatch"), "together", "_SECRET_"),
        (Fault("answer", 9999, status=403, code="AccessDenied"), "may not", "AWS_PROFILE"),
        (Fault("answer", 9999, status=503), "503 SlowDown", "service"),
        (Fault("answer", 9999, status=418, code=""), "not S3", "AWS_ENDPOINT_URL"),
        (Fault("reset", 9999), "connection breaks", "https://"),
        (Fault("delay", 9999, seconds=20), "in time", "AWS_ENDPOINT_URL"),
    ],
    ids=lambda value: f"{value.kind} {value.code}" if isinstance(value, Fault) else "",
)
def test_what_the_endpoint_answers_is_explained(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, fault: Fault, reason: str, advice: str
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    proxy.faults = [fault]
    error = refused()
    assert f"bucket '{BUCKET}'" in error.message and reason in error.message
    assert advice in error.next_step


@pytest.mark.parametrize(
    ("method", "action"),
    [("PUT", "write (s3:PutObject)"), ("DELETE", "delete (s3:DeleteObject)")],
)
def test_a_prefix_that_may_only_be_read_is_told(proxy: Proxy, method: str, action: str) -> None:
    uri = f"s3://{BUCKET}/read-only-{method.lower()}"
    denied = Fault("answer", 99, lambda request: request.method == method, 403, "AccessDenied")
    proxy.faults = [denied]
    error = refused(uri)
    assert f"cannot {action} in bucket '{BUCKET}'" in error.message and "may not" in error.message


def test_a_prefix_that_may_not_be_listed_is_told(proxy: Proxy) -> None:
    listing = lambda request: "list-type" in request.query  # noqa: E731
    proxy.faults = [Fault("answer", 99, listing, 403, "AccessDenied")]
    assert "cannot list (s3:ListBucket)" in refused().message


def test_absent_keys_may_be_denied(proxy: Proxy) -> None:
    """Without the right to list the whole bucket AWS denies what is absent."""

    def absent(request) -> bool:
        return request.method == "GET" and request.path.endswith(("store.json", "job.json"))

    uri = f"s3://{BUCKET}/prefix-only"
    proxy.faults = [Fault("answer", 1, absent, 403, "AccessDenied")]
    store = ArtifactStore.open(uri)
    proxy.faults = [Fault("answer", 1, absent, 403, "AccessDenied")]
    assert store.job("0" * 16) is None
    proxy.faults = [Fault("answer", 1, absent, 403, "AccessDenied")]
    assert "may not" in refused(uri).message, "it is there, so it is denied"


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_an_endpoint_that_is_down_is_told(
    reach: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    uri = reach("moto")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed_port}")
    error = refused(uri)
    assert f"http://127.0.0.1:{closed_port}: nothing answers" in error.message
    assert "AWS_ENDPOINT_URL" in error.next_step


def test_https_where_http_is_spoken_is_told(
    reach: Callable[[str], str], servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = reach("moto")
    plain = servers.get("moto").endpoint
    monkeypatch.setenv("AWS_ENDPOINT_URL", plain.replace("http:", "https:"))
    error = refused(uri)
    assert "TLS fails" in error.message and "http://" in error.next_step


def test_http_where_https_is_spoken_is_told(
    reach: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uri = reach("moto")
    with tls_port(tmp_path) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        error = refused(uri)
        assert "https" in error.next_step
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
        error = refused(uri)
        assert "TLS fails" in error.message and "AWS_CA_BUNDLE" in error.next_step


class tls_port:
    """A TLS server with a certificate that nobody knows."""

    def __init__(self, folder: Path) -> None:
        names = [f"{folder}/key.pem", f"{folder}/cert.pem"]
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"]
        subprocess.run(
            [*make, "-keyout", names[0], "-out", names[1], "-days", "2"],
            check=True,
            capture_output=True,
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(names[1], names[0])

    def __enter__(self) -> int:
        self._socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            try:
                self._context.wrap_socket(peer, server_side=True).close()
            except OSError:
                peer.close()

    def __exit__(self, *error: object) -> None:
        self._socket.close()


def test_missing_settings_are_named(
    reach: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uri = reach("moto")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "both" in refused(uri).next_step
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "AWS_ACCESS_KEY_ID" in refused(uri).next_step
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "AWS_PROFILE" in refused(uri).next_step
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    assert "AWS_ENDPOINT_URL" in refused(uri).next_step


def test_an_unknown_region_or_patience_is_told(
    reach: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = reach("moto")
    monkeypatch.setenv("AWS_REGION", "not a region!")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "not a region!")
    assert "AWS_REGION" in refused(uri).next_step
    for value in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("COMPOUND_S3_PATIENCE", value)
        with pytest.raises(StoreError, match="COMPOUND_S3_PATIENCE"):
            ArtifactStore.open(uri)
