"""A process that decodes images into shared memory. It is started by exec, never by fork.

Its tasks and answers go through its standard input, a socket. It ends when its trainer has ended.
"""

import mmap
import os
import signal
import sys
from multiprocessing.connection import Connection

import numpy as np

from compound.jobs.data.pixels.decode import BadImage, guarded
from compound.jobs.data.sources.dataset import Pixels
from compound.jobs.data.stream.messages import Item, Settings, read_task, write_answer
from compound.jobs.data.stream.pixel_maker import Make, maker
from compound.jobs.wording.plain_streams import open_streams

_PATIENCE = 5.0
"""Seconds between two checks whether the trainer still runs, while there is no task."""


def main() -> None:
    """Decode until the trainer has ended."""
    open_streams()
    # Ctrl-C in a terminal reaches every process of the group: the trainer decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = Settings.model_validate_json(sys.argv[1])
    slots = _slots(settings)
    make = maker(settings.form, settings.side)
    with Connection(os.dup(0)) as channel, guarded():
        while (message := _next(channel, settings.parent)) is not None:
            number, items = read_task(message)
            bad = [(item.slot, reason) for item in items if (reason := _fill(item, slots, make))]
            channel.send_bytes(write_answer(number, bad))


def _slots(settings: Settings) -> Pixels:
    side, count = settings.side, settings.slots
    shape = (count, settings.form.channels, side, side)
    memory = mmap.mmap(settings.memory, int(np.prod(shape)))
    return np.frombuffer(memory, dtype=np.uint8).reshape(shape)


def _next(channel: Connection, parent: int) -> bytes | None:
    try:
        while not channel.poll(_PATIENCE):
            # The socket of a killed trainer stays open while a process that it forked has it.
            if os.getppid() != parent:
                return None
        return channel.recv_bytes()
    except (EOFError, OSError):
        return None


def _fill(item: Item, slots: Pixels, make: Make) -> str:
    """Decode one image into its slot; return the reason of a failure, or an empty text."""
    try:
        slots[item.slot] = make(item.encoded())
    except BadImage as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    return ""


if __name__ == "__main__":
    main()
