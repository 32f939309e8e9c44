"""How an attempt begins: it takes a number before it reads the attempts before it."""

import os
import socket
import time
import uuid

from compound.jobs.process_mark import own_mark
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.checksummed_json import seal
from compound.jobs.store.format.manifest import Attempt, Environment, Writer


def claim(folder: JobFolder, writer: Writer) -> tuple[Attempt, Writer]:
    """Show that an attempt has begun; return it, and its writer with its number.

    Of two writers at once, the later one sees the earlier one's claim and takes another number.
    Where listings lag behind (some S3 endpoints), neither may see it: then the nonces differ.
    """
    while True:
        attempt = Attempt(folder.next_attempt(), uuid.uuid4().hex[:8])
        writer = writer.model_copy(update={"attempt": attempt.number})
        key = folder.claim_key(attempt)
        folder.files.put({key: seal("claim", writer, key)})
        rivals = [claimed for claimed in folder.attempts() if claimed != attempt]
        if attempt.number not in [rival.number for rival in rivals]:
            return attempt, writer
        folder.files.delete([key])


def this_process(world_size: int, environment: Environment | None = None) -> Writer:
    """Return this process as one that writes."""
    return Writer(
        host=socket.gethostname(),
        pid=os.getpid(),
        process=own_mark(),
        started=time.time(),
        world_size=world_size,
        environment=environment,
    )
