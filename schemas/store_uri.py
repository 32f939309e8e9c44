"""Where a store, data or another file lies: a path, or a bucket and a prefix in it. Never with
credentials; `~` and `$NAME` are written out once, where a spec is read."""

import os
import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, ValidationInfo

_BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}"
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_S3 = re.compile(rf"s3://({_BUCKET})((?:/{_PART})*)/?")
_DATA = re.compile(rf"s3://({_BUCKET})(?:/+([^\0]*?))?/*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_ACCESS_KEY = re.compile(r"(AKIA|ASIA)[0-9A-Z]{12,}")
_VARIABLE = re.compile(r"\$(?:(\$)|\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*)|(\{))")
ENVIRONMENT = "environment"
"""In the context of a validation: the variables to write out in paths, as a mapping."""
_USER = re.compile(r"(://)[^/\s'\"]*@")

ALLOWED = "a folder, or s3://bucket/prefix of letters, digits, `.`, `_` and `-`"
DATA_ALLOWED = "a path, or s3://bucket/prefix"
WHERE_KEYS_BELONG = "keys come from the environment or the AWS config files"


class Bucket(NamedTuple):
    """A bucket, and the prefix that all keys of a store begin with."""

    name: str
    prefix: str
    """Without slashes around it; empty: the whole bucket."""

    @property
    def uri(self) -> str:
        """The address in its one spelling."""
        return "/".join(filter(None, (f"s3://{self.name}", self.prefix)))


def bucket_of(address: str) -> Bucket | None:
    """Return the bucket of a store's address, None where it is a folder.

    ValueError: another kind of address, or one with a key in it. The message never repeats it.
    """
    if not _SCHEME.match(address):
        return None
    match = _S3.fullmatch(address)
    if not match or _ACCESS_KEY.search(address):
        raise ValueError(f"{_mistake(address)}; allowed: {ALLOWED}; {WHERE_KEYS_BELONG}")
    return Bucket(match[1], match[2].strip("/"))


def _mistake(address: str) -> str:
    """Say which part of an address is wrong, without repeating it: it may have a key in it."""
    scheme, _, rest = address.partition("://")
    if _ACCESS_KEY.search(address) or "@" in rest:
        return "an address must not contain a key or a user"
    if scheme.lower() != "s3":
        return "an address is the path of a folder, or it begins with s3://"
    if not re.fullmatch(_BUCKET, rest.partition("/")[0]):
        return (
            "the name of the bucket is not valid: it has 2 to 63 letters, digits, `.`, `_` and "
            "`-`, and begins with a letter or digit"
        )
    return "the prefix after the bucket has a character that is not allowed"


def data_bucket(path: str) -> Bucket | None:
    """Return the bucket that data lies in, None where it lies in a folder.

    Its prefix may have any characters, because other programs wrote the data. ValueError: another
    kind of address, or one with a key in it. The message never repeats it.
    """
    if not _SCHEME.match(path):
        return None
    match = _DATA.fullmatch(path)
    if not match or _ACCESS_KEY.search(path):
        raise ValueError(f"{_mistake(path)}; allowed: {DATA_ALLOWED}; {WHERE_KEYS_BELONG}")
    return Bucket(match[1], match[2] or "")


def below(address: str, name: str) -> str:
    """Return the address of a folder or file inside another address."""
    return f"{address.rstrip('/')}/{name}"


def masked(text: str) -> str:
    """Return a text without the user and the secret of any address in it."""
    return _USER.sub(r"\1***@", text)


def expanded(path: str, environment: Mapping[str, str]) -> str:
    """Return a path with `~`, `~user`, `$NAME` and `${NAME}` written out; `$$` is a dollar sign.

    ValueError: a variable is not set, or empty; there is no such user; a NUL character.
    """
    if "\0" in path:
        raise ValueError("a path has no NUL character")

    def value(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        name = match[2] or match[3] or ""
        if not environment.get(name):
            raise ValueError(
                f"{match[0]} in a path: the variable is "
                f"{'empty' if name in environment else 'not set'}; export it, or write $$ for $"
            )
        return environment[name]

    return _at_home(_VARIABLE.sub(value, path), environment)


def _at_home(path: str, environment: Mapping[str, str]) -> str:
    head, slash, rest = path.partition("/")
    if not head.startswith("~"):
        return path
    home = (environment.get("HOME", "") if head == "~" else "") or os.path.expanduser(head)
    if home.startswith("~"):
        problem = "HOME is not set" if head == "~" else "this machine has no such user"
        raise ValueError(f"{head} in a path: {problem}; write the whole path, or ./{head}")
    return f"{home.rstrip('/')}{slash}{rest}"


def _written_out(path: str, info: ValidationInfo) -> str:
    environment = (info.context or {}).get(ENVIRONMENT)
    return path if environment is None else expanded(path, environment)


UserPath = Annotated[str, Field(min_length=1), AfterValidator(_written_out)]
"""A path of a spec. It is written out where the spec is read; a stored one is what it is."""


def _store_address(store: str) -> str:
    """Refuse what is no address, and any secret: the spec is stored, printed and logged."""
    bucket_of(store)
    return store


StoreAddress = Annotated[UserPath, AfterValidator(_store_address)]
