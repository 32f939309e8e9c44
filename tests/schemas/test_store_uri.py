"""What is wrong with an address is named, and the address is never repeated."""

import pytest

from compound.schemas.store_uri import bucket_of


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://-bucket/runs", "the name of the bucket is not valid: it has 2 to 63 letters"),
        ("s3://my bucket/runs", "the name of the bucket is not valid"),
        ("s3://bucket/a b", "the prefix after the bucket has a character that is not allowed"),
        ("gs://bucket/runs", "an address is the path of a folder, or it begins with s3://"),
        ("s3://key:word@bucket/runs", "an address must not contain a key or a user"),
        ("s3://AKIA0123456789ABCDEF/runs", "an address must not contain a key or a user"),
    ],
)
def test_the_wrong_part_is_named(address: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        bucket_of(address)
    assert address.partition("://")[2] not in str(refused.value)
    assert "keys come from the environment" in str(refused.value)
