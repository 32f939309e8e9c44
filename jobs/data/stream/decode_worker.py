"""A process that decodes images into shared memory. Started afresh, never forked from a trainer.

It is spoken to through its standard input, a socket, and ends when the other side is gone.
"""

import mmap
import os
import signal
import sys
from multiprocessing.connection import Connection

import numpy as np

from compound.jobs.data.dataset import Pixels
from compound.jobs.data.decode import BadImage, Form, guarded
from compound.jobs.data.stream.messages import Item, Settings, read_task, write_answer
from compound.jobs.data.stream.pixel_maker import Make, maker

_PATIENCE = 5.0
"""Seconds between two looks whether the trainer still lives, while it has nothing to do."""


def main() -> None:
    """Decode until the trainer is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer decides when to stop
    settings = Settings.model_validate_json(sys.argv[1])
    slots = _slots(settings)
    make = maker(Form(settings.channels, settings.size), settings.side)
    with Connection(os.dup(0)) as channel, guarded():
        while (message := _next(channel, settings.parent)) is not None:
            number, items = read_task(message)
            bad = [(item.slot, reason) for item in items if (reason := _fill(item, slots, make))]
            channel.send_bytes(write_answer(number, bad))


def _slots(settings: Settings) -> Pixels:
    side, count = settings.side, settings.slots
    shape = (count, settings.channels, side, side)
    memory = mmap.mmap(settings.memory, int(np.prod(shape)))
    return np.frombuffer(memory, dtype=np.uint8).reshape(shape)


def _next(channel: Connection, parent: int) -> bytes | None:
    try:
        while not channel.poll(_PATIENCE):
            if os.getppid() != parent:
                return None
        return channel.recv_bytes()
    except (EOFError, OSError):
        return None


def _fill(item: Item, slots: Pixels, make: Make) -> str:
    """Decode one image into its slot; return why it could not be, or nothing."""
    try:
        slots[item.slot] = make(item.encoded())
    except BadImage as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    return ""


if __name__ == "__main__":
    main()
