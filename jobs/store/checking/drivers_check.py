"""What killed drivers have left beside the jobs that they had reserved."""

from collections.abc import Iterator
from functools import partial

from compound.jobs.store.backend.files import DamagedError, Files
from compound.jobs.store.checking.findings import Finding, address
from compound.jobs.store.folders.reservations import Reservation, Reservations, reservation_key
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.store.format.file_kinds import DRIVERS


def check_drivers(files: Files, *, delete: bool) -> Iterator[Finding]:
    """Yield the reservations of dead drivers, and delete them where that is asked for."""
    reservations = Reservations(files, "", partial(StudyFolder, files))
    try:
        sizes = {entry.key: entry.size for entry in files.entries(DRIVERS, deep=False)}
        abandoned = [*reservations.left_behind()]
    except DamagedError:
        return  # a finding of its own
    for left in abandoned:
        finding = _finding(files, left, sizes.get(reservation_key(left.study), 0))
        gone = delete and reservations.remove(left)
        yield finding.model_copy(update={"deleted": True, "next_step": ""}) if gone else finding


def _finding(files: Files, left: Reservation, size: int) -> Finding:
    key = reservation_key(left.study)
    return Finding(
        problem="orphan",
        owner=left.study,
        key=key,
        file=address(files, key),
        kind="reservation",
        size=size,
        what=f"the reservation of process {left.pid} on {left.host}, which has died",
        next_step="--delete, or the next run of any study",
        deletable=True,
    )
