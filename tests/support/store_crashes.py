"""Files that die at their N-th change, over any place that offers the protocol.

What a killed process held is let go at once: by the kernel on a local disk, elsewhere as if its
signs of life had grown too old.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from compound.jobs.regular_file import DOCUMENT_BYTES
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.files import Content, Entry, Files, Lock, Stream
from compound.jobs.store.backend.open_files import files_at
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions

Open = Callable[[str], Files]
"""Opens the files of a name, empty at first; several times the same ones."""


def under(uri: str) -> Open:
    """Return what opens files below an address."""
    return lambda name: files_at(f"{uri}/{name}")[0]


class Crash(BaseException):
    """The process is gone: nothing of ours runs after it."""


class Mortal:
    """Files of a process that dies at a change: put, deletion, line, stream or part of it, lock.

    Many files of one `put` or `delete` are as many changes, in an order that differs by the call.
    `tears`: half of a line or of a stream's bytes may have arrived.
    """

    def __init__(self, files: Files, fail_at: int, *, tears: bool) -> None:
        self._files, self._fail_at, self._tears = files, fail_at, tears
        self.calls, self.dead = 0, False
        self._held: list[Stream | Lock] = []

    def _falls(self) -> bool:
        """Count a change, and tell whether the process dies at it."""
        self._live()
        self.calls += 1
        self.dead = self.calls == self._fail_at
        return self.dead

    def _live(self) -> None:
        if self.dead:
            raise Crash

    def _step(self, change: Callable[[], None], torn: Callable[[], None] | None = None) -> None:
        if not self._falls():
            change()
            return
        if torn and self._tears:
            torn()
        raise Crash

    def locate(self, key: str) -> str:
        return self._files.locate(key)

    def put(self, files: Mapping[str, Content]) -> None:
        for key in sorted(files, reverse=self.calls % 2 == 1):
            self._step(lambda key=key: self._files.put({key: files[key]}))

    def read(self, key: str, most: int = DOCUMENT_BYTES) -> bytes | None:
        self._live()
        return self._files.read(key, most)

    def read_into(self, key: str, start: int, buffer: memoryview) -> int | None:
        self._live()
        return self._files.read_into(key, start, buffer)

    def names(self, folder: str) -> list[str]:
        self._live()
        return self._files.names(folder)

    def walk(self, folder: str) -> list[str]:
        self._live()
        return self._files.walk(folder)

    def entries(self, folder: str, *, deep: bool = True) -> Iterator[Entry]:
        self._live()
        return self._files.entries(folder, deep=deep)

    def delete(self, keys: Iterable[str]) -> None:
        for key in sorted(keys, reverse=self.calls % 2 == 1):
            self._step(lambda key=key: self._files.delete([key]))

    def append_line(self, key: str, line: bytes, *, durable: bool = False) -> None:
        half = line[: len(line) // 2]
        self._step(
            lambda: self._files.append_line(key, line, durable=durable),
            lambda: self._files.append_line(key, half),
        )

    def lines(self, key: str) -> list[bytes]:
        self._live()
        return self._files.lines(key)

    def stream(self, key: str) -> Stream:
        if self._falls():
            raise Crash
        inner = self._files.stream(key)
        self._held.append(inner)
        return MortalStream(inner, self._step)

    def is_streaming(self, key: str) -> bool:
        self._live()
        return self._files.is_streaming(key)

    def lock(self, key: str, note: bytes) -> Lock | None:
        if self._falls():
            raise Crash
        lock = self._files.lock(key, note)
        if lock:
            self._held.append(lock)
        return Ignored() if lock else None

    def holder(self, key: str) -> bytes:
        self._live()
        return self._files.holder(key)

    def holders(self, key: str) -> list[bytes]:
        self._live()
        return self._files.holders(key)

    def within(self, seconds: float) -> "Mortal":
        return self

    def prove_writable(self) -> None:
        self._files.prove_writable()

    def end(self) -> None:
        """Let go of what a process holds, as its end does."""
        for resource in self._held:
            with suppress(OSError):
                resource.close()


class Ignored:
    """A lock that its process lets go of only by its end."""

    def close(self) -> None:
        """Do nothing."""


class MortalStream:
    """A stream of such files; closed with its process."""

    def __init__(self, inner: Stream, step: Callable[..., None]) -> None:
        self._inner, self._step = inner, step

    @property
    def size(self) -> int:
        return self._inner.size

    def write(self, data: bytes) -> None:
        half = data[: len(data) // 2]
        self._step(lambda: self._inner.write(data), lambda: self._inner.write(half))

    def close(self) -> None:
        """Do nothing: its end closes it."""


def deaths(
    open_: Open, prepare: Callable[[Files], None], run: Callable[[Files], None],
    every: int = 1, *, tears: bool = True,
) -> Iterator[Files]:  # fmt: skip
    """Run to the first, second, ... change and die there; yield what is left, opened afresh."""
    number = 1 - every
    while True:
        number += every
        name = str(number)
        prepare(open_(name))
        mortal = Mortal(open_(name), number, tears=tears)
        with suppress(Crash):
            run(mortal)
        mortal.end()
        if mortal.calls < number:
            return
        yield open_(name)


def found_in(files: Files, **options: object) -> list[Finding]:
    """Return what fsck says of all that there is."""
    store = ArtifactStore(files, files.locate("store.json").rpartition("/")[0])
    chosen = CheckOptions(**{"older_than": 0, **options})
    return [*store.check(store.jobs(), store.studies(), FindingCounts(), chosen)]


def no_worse_than_orphans(files: Files) -> bool:
    """Whether a crash has left the store as it may: nothing lost, nothing damaged."""
    grave = [finding for finding in found_in(files) if finding.grave]
    assert grave == []
    assert not [finding for finding in found_in(files, delete=True) if finding.problem == "foreign"]
    left = {finding.problem for finding in found_in(files)}
    return left <= {"torn", "single"}
