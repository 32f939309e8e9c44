"""Reads and writes the predictions of one job: of validation images, and of test images.

Those of validation are a file of the attempt that ended the job, which its manifest names. Those
of a test part came later: their name says which images and which weights, and ends with a hash of
the content, so that a file proves itself and no key is written with two contents.
"""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.checksummed_files import read_verified
from compound.jobs.store.format.checksummed_json import (
    DamagedError,
    damaged,
    has_its_hash,
    hashed_key,
)
from compound.jobs.store.format.file_kinds import TEST_PREDICTIONS
from compound.jobs.store.format.predictions import Predictions, decoded, encoded

_log = logging.getLogger(__name__)


def of_validation(folder: JobFolder) -> Predictions | None:
    """Return a done job's predictions of the validation images.

    None: it has not ended, or was trained before they were kept, or, with a warning, the file is
    damaged.
    """
    manifest = folder.newest()
    stored = manifest.predictions if manifest else None
    if stored is None:
        return None
    try:
        data = bytes(read_verified(folder.files, stored))
        return decoded(data, folder.files.locate(stored.key))
    except DamagedError as error:
        _left_out(error)
        return None


def of_jobs(folders: Mapping[str, JobFolder], at_once: int) -> dict[str, Predictions]:
    """Return the predictions that there are, by job; those of the same images share memory."""
    with ThreadPoolExecutor(at_once) as threads:
        by_job = dict(zip(folders, threads.map(of_validation, folders.values()), strict=True))
    stored = {job: predictions for job, predictions in by_job.items() if predictions}
    first = next(iter(stored.values()), None)
    return {
        job: predictions._replace(image=first.image, label=first.label)
        if first and predictions.are_of_images_of(first)
        else predictions
        for job, predictions in stored.items()
    }


class TestedWeights:
    """The predictions of test images by one job, for each part and weights that were evaluated."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder, self._files = folder, folder.files

    def read(self, part: str, weights: str) -> Predictions | None:
        """Return the predictions of a part by some weights; both are named by their hashes.

        None: they are not stored, or, with a warning, the file is damaged.
        """
        for name in self._files.names(self._folder.key):
            match = TEST_PREDICTIONS.fullmatch(name)
            if match and (match[1], match[2]) == (part, weights):
                try:
                    return self._decoded(name)
                except DamagedError as error:
                    _left_out(error)
        return None

    def _decoded(self, name: str) -> Predictions:
        key = f"{self._folder.key}/{name}"
        data, where = self._files.read(key), self._files.locate(key)
        if data is None or not has_its_hash(key, data):
            raise damaged("its hash is not the one in its name", where)
        return decoded(data, where)

    def keep(self, part: str, weights: str, predictions: Predictions) -> None:
        """Store the predictions of a part by some weights."""
        data = encoded(predictions)
        key = hashed_key(f"{self._folder.key}/test-{part}-{weights}", data, "parquet")
        self._files.put({key: data})


def _left_out(error: DamagedError) -> None:
    _log.warning("%s; going on without its predictions", str(error).splitlines()[0])
