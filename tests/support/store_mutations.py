"""What people, disks and backup programs do to the files of a store; each change is drawn."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from compound.jobs.store.format.file_kinds import kind_of
from tests.support.mutated_stores import OlderVersions
from tests.support.strange_files import STRANGE, put

Mutation = Callable[[random.Random, Path, OlderVersions], str]
"""Changes the store; returns what it did."""

_NEW_NAMES = (
    "attempt-0009-0123abcd", "manifest-000019.json", "claim.json", "live.arrows", "events.jsonl",
    "plan.json", "contents.json", "rows-0001-0002-0123abcd.parquet", "test.parquet",
    "jobs-0123456789abcdef.parquet",
    ".plan.json.0123abcd.tmp", "0123456789abcdef", "new.json", "strange",
)  # fmt: skip
"""Names that the store gives, or might be thought to give, where nothing lay before."""


def _kind(root: Path, path: Path) -> str:
    return kind_of(str(path.relative_to(root))) or ""


def _files(root: Path, kind: str) -> list[Path]:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return [path for path in paths if _kind(root, path) == kind]


def _folders(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.glob(pattern) if path.is_dir())


def _drawn_file(draw: random.Random, root: Path) -> Path:
    """Draw a kind of file first, then a file: else most would be of checkpoints."""
    by_kind: dict[str, list[Path]] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        by_kind.setdefault(_kind(root, path), []).append(path)
    return draw.choice(by_kind[draw.choice(sorted(by_kind))])


def flip(draw: random.Random, root: Path, older: OlderVersions) -> str:
    path = _drawn_file(draw, root)
    data = bytearray(path.read_bytes())
    bit = draw.randrange(8 * len(data)) if data else 0
    if data:
        data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return f"flip bit {bit} of {path}"


def blank(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Put zeros in place of a block, as a file system may after a power cut."""
    path = _drawn_file(draw, root)
    data = path.read_bytes()
    start = draw.choice([0, draw.randrange(len(data) + 1)])
    stop = draw.choice([len(data), min(len(data), start + 512)])
    path.write_bytes(data[:start] + bytes(stop - start) + data[stop:])
    return f"zeros in {path} from {start} to {stop}"


def cut(draw: random.Random, root: Path, older: OlderVersions) -> str:
    path = _drawn_file(draw, root)
    data = path.read_bytes()
    lines = [at + 1 for at, byte in enumerate(data[:-1]) if byte == 10]
    size = draw.choice(lines) if lines and draw.random() < 0.5 else draw.randrange(len(data) + 1)
    path.write_bytes(data[:size])
    return f"cut {path} from {len(data)} to {size}"


def append(draw: random.Random, root: Path, older: OlderVersions) -> str:
    path = _drawn_file(draw, root)
    data = path.read_bytes()
    path.write_bytes(data + draw.choice([b"\0", b"\n", data[-40:], data, draw.randbytes(100)]))
    return f"append to {path}"


def delete_file(draw: random.Random, root: Path, older: OlderVersions) -> str:
    path = _drawn_file(draw, root)
    path.unlink()
    return f"delete {path}"


def delete_folder(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Delete a folder of any depth; a job, a study or a top folder as often as one of the rest."""
    pattern = draw.choice(["*", "jobs/*", "studies/*", "jobs/*/*", "jobs/*/*/*"])
    path = draw.choice(_folders(root, pattern))
    shutil.rmtree(path)
    return f"delete {path}"


def swap(draw: random.Random, root: Path, older: OlderVersions) -> str:
    first = _drawn_file(draw, root)
    second = draw.choice(_files(root, _kind(root, first)))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    return f"swap {first} and {second}"


def overwrite(draw: random.Random, root: Path, older: OlderVersions) -> str:
    first = _drawn_file(draw, root)
    second = draw.choice(_files(root, _kind(root, first)))
    if draw.random() < 0.2:
        second = _drawn_file(draw, root)
    second.write_bytes(first.read_bytes())
    return f"copy {first} over {second}"


def renumber(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Copy a manifest to another number, of its own attempt or of another job's."""
    source = draw.choice(_files(root, "manifest"))
    name = f"manifest-{draw.randrange(1, 20):06d}.json"
    target = draw.choice(_files(root, "manifest")).parent / name
    target.write_bytes(source.read_bytes())
    return f"copy {source} to {target}"


def move_between(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Copy a study's file, or a job's, into another folder under its own name."""
    kinds = ("document", "events", "lease", "index", "text", "predictions", "job", "reservation")
    path = draw.choice([path for kind in kinds for path in _files(root, kind)])
    target = draw.choice(_folders(path.parent.parent, "*")) / path.name
    target.write_bytes(path.read_bytes())
    return f"copy {path} to {target}"


def put_back(draw: random.Random, root: Path, older: OlderVersions) -> str:
    keys: dict[str, list[str]] = {}
    for key in sorted(older):
        keys.setdefault(kind_of(key) or "", []).append(key)
    key = draw.choice(keys[draw.choice(sorted(keys))])
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(draw.choice(older[key]))
    return f"put an older copy of {path} back"


def put_folder_back(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Put a job or a study back as a backup of an earlier time has it, over what there is."""
    folder = draw.choice(_folders(root, draw.choice(["jobs/*", "studies/*"])))
    top, age = f"{folder.relative_to(root)}/", draw.random()
    if draw.random() < 0.5:
        shutil.rmtree(folder)
    for key in sorted(older):
        if key.startswith(top):
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(older[key][int(age * len(older[key]))])
    return f"put an older copy of {folder} back, at {age:.2f} of its versions"


def copy_attempt(draw: random.Random, root: Path, older: OlderVersions) -> str:
    source = draw.choice(_folders(root, "jobs/*/attempt-*"))
    job = draw.choice(_folders(root, "jobs/*"))
    other = f"attempt-{draw.randrange(1, 9):04d}-{draw.randbytes(4).hex()}"
    name = source.name if draw.random() < 0.5 and job != source.parent else other
    shutil.copytree(source, job / name, dirs_exist_ok=True)
    return f"copy {source} to {job / name}"


def copy_folder(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Copy a job's or a study's folder over another, or to a new name."""
    folders = _folders(root, draw.choice(["jobs/*", "studies/*"]))
    first, second = draw.sample(folders, 2)
    if draw.random() < 0.3:
        second = first.parent / draw.randbytes(8).hex()
    elif draw.random() < 0.5:
        shutil.rmtree(second)
    shutil.copytree(first, second, dirs_exist_ok=True)
    return f"copy {first} to {second}"


def swap_folders(draw: random.Random, root: Path, older: OlderVersions) -> str:
    pattern = draw.choice(["jobs/*", "studies/*", "jobs/*/attempt-*"])
    first, second = draw.sample(_folders(root, pattern), 2)
    aside = root.parent / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    return f"swap {first} and {second}"


def strange_file(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Put a pipe, a socket, a device, a link, a folder or a terabyte in a file's place."""
    path, kind = _drawn_file(draw, root), draw.choice(sorted(STRANGE))
    put(kind, path)
    return f"a {kind} in place of {path}"


def strange_folder(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Put one in a folder's place."""
    kind = draw.choice(sorted(STRANGE.keys() - {"folder"}))
    pattern = draw.choice(["*", "jobs/*", "studies/*", "jobs/*/attempt-*", "jobs/*/*/*"])
    folder = draw.choice(_folders(root, pattern))
    shutil.rmtree(folder)
    put(kind, folder)
    return f"a {kind} in place of {folder}"


def strange_addition(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Put one, or a copy of some file, under a name that nothing had."""
    folder, name = draw.choice([root, *_folders(root, "**/*")]), draw.choice(_NEW_NAMES)
    path, kind = folder / name, draw.choice([*sorted(STRANGE), "copy"])
    if path.exists():
        return "nothing"
    if kind == "copy":
        path.write_bytes(_drawn_file(draw, root).read_bytes())
    else:
        put(kind, path)
    return f"a {kind} as {path}"


def link_elsewhere(draw: random.Random, root: Path, older: OlderVersions) -> str:
    """Move a file or a folder out of the store, and leave a link to it."""
    path = _drawn_file(draw, root)
    if draw.random() < 0.5:
        path = draw.choice(_folders(root, draw.choice(["*", "jobs/*", "studies/*", "jobs/*/*"])))
    target = root.parent / "elsewhere"
    path.rename(target)
    path.symlink_to(target)
    return f"a link in place of {path}"


BY_KIND: tuple[Mutation, ...] = (flip, blank, cut, append, delete_file, put_back, strange_file)
"""Mutations that draw the kind of a file first."""

MUTATIONS: tuple[Mutation, ...] = (
    *BY_KIND, swap, overwrite, renumber, move_between, put_folder_back, copy_attempt, copy_folder,
    swap_folders, delete_folder, strange_folder, strange_addition, link_elsewhere,
)  # fmt: skip
