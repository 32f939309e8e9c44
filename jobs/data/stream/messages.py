"""The messages between a trainer and its decoding processes, as bytes.

Not pickled: a message is a few numbers and the bytes of images, which pickle would copy once more.
"""

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from compound.jobs.data.listing.file_location import IMAGE_BYTES
from compound.jobs.data.pixels.decode import Form
from compound.jobs.regular_file import read_regular
from compound.schemas.base import Model

_HEAD = struct.Struct("<qq?q")
_NUMBER = struct.Struct("<q")


class Settings(Model):
    """The settings that a decoding process starts with."""

    parent: int
    """The trainer's process id."""
    memory: int
    """The descriptor of the shared memory that holds the slots."""
    slots: int
    form: Form
    """The form that images are decoded to."""
    side: int
    """Pixels on a side that they are then resized to."""


@dataclass(frozen=True)
class Item:
    """An image to be decoded into a slot: its bytes, or the path of its file."""

    slot: int
    data: bytes | str

    def encoded(self) -> bytes:
        """Return the encoded image. OSError: the file cannot be read."""
        return read_regular(self.data, IMAGE_BYTES) if isinstance(self.data, str) else self.data


def write_task(number: int, items: Iterable[Item]) -> bytes:
    """Pack images that belong to the task of a number."""
    parts = []
    for item in items:
        is_path = isinstance(item.data, str)
        data = _path_bytes(item.data) if isinstance(item.data, str) else item.data
        parts += [_HEAD.pack(number, item.slot, is_path, len(data)), data]
    return b"".join(parts)


def read_task(message: bytes) -> tuple[int, list[Item]]:
    """Unpack the task's number and its images."""
    items, at, number = [], 0, -1
    while at < len(message):
        number, slot, is_path, length = _HEAD.unpack_from(message, at)
        at += _HEAD.size
        data = message[at : at + length]
        text = data.decode("utf-8", "surrogateescape") if is_path else data
        items.append(Item(slot, text))
        at += length
    return number, items


def write_answer(number: int, bad: list[tuple[int, str]]) -> bytes:
    """Pack which slots of a task hold no image, with the reason."""
    return _NUMBER.pack(number) + json.dumps(bad).encode()


def read_answer(message: bytes) -> tuple[int, dict[int, str]]:
    """Unpack a task's number, and the reason for each slot that holds no image."""
    (number,) = _NUMBER.unpack_from(message)
    return number, dict(json.loads(message[_NUMBER.size :]))


def _path_bytes(path: str) -> bytes:
    # Names of files on Linux are bytes, which need not be valid UTF-8.
    return path.encode("utf-8", "surrogateescape")
