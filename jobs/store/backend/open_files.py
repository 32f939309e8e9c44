"""The files of a store by its address."""

import os

from compound.jobs.store.backend.files import Files
from compound.jobs.store.backend.local_files import LocalFiles
from compound.schemas.errors import StoreError
from compound.schemas.store_uri import ALLOWED, WHERE_KEYS_BELONG, bucket_of


def files_at(uri: str) -> tuple[Files, str]:
    """Return the files at an address, and the address in its normal form.

    StoreError: no such kind of address, or one with a key in it, which is not repeated.
    """
    try:
        bucket = bucket_of(uri)
    except ValueError:
        bucket, uri = None, ""
    if bucket:
        # Imported here: s3fs and botocore take a second, and a folder needs neither.
        from compound.jobs.store.backend.s3_files import s3_files

        return s3_files(bucket), bucket.uri
    if not uri:
        problem = "this kind of store is not supported"
        raise StoreError(problem, allowed=ALLOWED, next_step=f"set `store`; {WHERE_KEYS_BELONG}")
    path = os.path.realpath(os.path.expanduser(uri))
    return LocalFiles(path), path
