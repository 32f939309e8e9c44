"""Whole objects: one PUT, or a multipart upload that shows nothing before it is complete.

Some endpoints show an object while a PUT replaces it: empty, or half of it. So an object of one PUT
carries its digest, and a reader of other bytes asks again.
"""

import asyncio
import base64
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from compound.jobs.regular_file import DOCUMENT_BYTES
from compound.jobs.store.backend.files import Content, foreign_file
from compound.jobs.store.backend.s3_client import Answer, S3Client, gather_limited
from compound.jobs.store.backend.s3_errors import code_of
from compound.schemas.errors import StoreError

PART = 8 << 20
"""Bytes of a part: what a failed request sends again. Objects of more than two have parts."""

# S3's limits of a multipart upload: 10,000 parts, each but the last of at least 5 MiB.
_MOST_PARTS = 10_000
_MARK = "compound-upload"
_DIGEST = "compound-md5"
"""The metadata with the object's MD5; multipart uploads and foreign objects have none."""
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between attempts to read. Bytes that still differ after them are damaged."""


async def upload(client: S3Client, key: str, where: str, content: Content) -> None:
    """Make an object durable. StoreError: unknown whether it is."""
    views = (memoryview(content),) if isinstance(content, bytes) else tuple(content)
    size = sum(view.nbytes for view in views)
    if size <= 2 * PART:
        body = b"".join(views)
        digest = _md5(body)
        checksums = {"ContentMD5": digest, "Metadata": {_DIGEST: digest}}
        await client.call_async("put_object", where, Key=key, Body=body, **checksums)
    else:
        await _in_parts(client, key, where, _pieces(views, max(PART, -(-size // _MOST_PARTS))))


async def download(client: S3Client, key: str, where: str, most: int = DOCUMENT_BYTES) -> Answer:
    """Return the answer with an object as it was put; after a second, with any bytes there are.

    StoreError: it cannot be read, or does not exist. DamagedError: it has more than `most` bytes.
    """
    for pause in _PAUSES:
        answer = await client.call_async("get_object", where, most, Key=key)
        _within(answer, where, most)
        digest = answer.get("Metadata", {}).get(_DIGEST)
        if digest is None or digest == _md5(answer["Body"]):
            return answer
        await asyncio.sleep(pause)
    return _within(await client.call_async("get_object", where, most, Key=key), where, most)


def _within(answer: Answer, where: str, most: int) -> Answer:
    if answer["Body"] is None:
        problem = f"it has {answer.get('ContentLength', most + 1):,} bytes, more than {most:,}"
        raise foreign_file(where, problem, f"at most {most:,} bytes")
    return answer


async def _in_parts(
    client: S3Client, key: str, where: str, pieces: Iterator[list[memoryview]]
) -> None:
    mark = uuid.uuid4().hex
    begun = await client.call_async(
        "create_multipart_upload", where, Key=key, Metadata={_MARK: mark}
    )
    target = {"Key": key, "UploadId": begun["UploadId"]}

    async def send(number: int, piece: list[memoryview]) -> Answer:
        body = b"".join(piece)
        parameters = {"PartNumber": number, "Body": body, "ContentMD5": _md5(body)}
        sent = await client.call_async("upload_part", where, **target, **parameters)
        return {"PartNumber": number, "ETag": sent["ETag"]}

    try:
        sends = (partial(send, number, piece) for number, piece in enumerate(pieces, start=1))
        parts = await gather_limited(sends)
        await _complete(client, where, target, parts, mark)
    except BaseException:
        # Parts of an upload that is neither completed nor aborted are kept, and paid for, for ever.
        with suppress(StoreError):
            await client.call_async("abort_multipart_upload", where, **target)
        raise


async def _complete(
    client: S3Client, where: str, target: dict[str, str], parts: list[Answer], mark: str
) -> None:
    """Join the parts. NoSuchUpload: an earlier attempt may have joined them and lost the answer."""
    try:
        await client.call_async(
            "complete_multipart_upload", where, **target, MultipartUpload={"Parts": parts}
        )
    except StoreError as error:
        if code_of(error.__cause__) != "NoSuchUpload":
            raise
        stored = await client.call_async("head_object", where, Key=target["Key"])
        if stored.get("Metadata", {}).get(_MARK) != mark:
            raise


def _pieces(views: tuple[memoryview, ...], size: int) -> Iterator[list[memoryview]]:
    """Yield the content in pieces of one size, across the views and without a copy."""
    piece, room = [], size
    for view in views:
        rest = view.cast("B")
        while rest:
            piece.append(rest[:room])
            rest, room = rest[room:], room - len(piece[-1])
            if not room:
                yield piece
                piece, room = [], size
    if piece:
        yield piece


def _md5(data: bytes) -> str:
    """Return the Content-MD5 that the endpoint checks the received bytes against."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
