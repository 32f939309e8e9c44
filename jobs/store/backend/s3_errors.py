"""Errors of an S3 endpoint: which to try again, and what to tell the user about the rest."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from compound.schemas.errors import StoreError

ACTIONS = {
    "get_object": "read (s3:GetObject)",
    "head_object": "read (s3:GetObject)",
    "put_object": "write (s3:PutObject)",
    "create_multipart_upload": "write (s3:PutObject)",
    "upload_part": "write (s3:PutObject)",
    "complete_multipart_upload": "write (s3:PutObject)",
    "abort_multipart_upload": "give up an upload (s3:AbortMultipartUpload)",
    "list_objects_v2": "list (s3:ListBucket)",
    "delete_object": "delete (s3:DeleteObject)",
}

_LOST = (
    boto.HTTPClientError,
    boto.ConnectionError,
    boto.IncompleteReadError,
    aiohttp.ClientError,
    ResponseParserError,
    ConnectionError,
    TimeoutError,
)
# Codes of answers below 500 that a later attempt may not get. BadDigest: bytes changed on the way.
_AGAIN = {
    "SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "OperationAborted",
    "BadDigest", "InternalError", "ServiceUnavailable", "RequestLimitExceeded",
}  # fmt: skip
_ELSEWHERE = {
    "PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException", "IncorrectEndpoint",
}  # fmt: skip
_KEY, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_URL = "AWS_ENDPOINT_URL"
_EXPIRED = ("the session token has expired", "renew it: AWS_SESSION_TOKEN, or `aws sso login`")
_DENIED = ("these keys may not", "allow this action on the prefix, or use other keys: AWS_PROFILE")
_CODES = {
    "NoSuchBucket": ("there is no such bucket", "create it, or correct the bucket in `store`"),
    "InvalidBucketName": (
        "the service does not accept this name of a bucket",
        "set a `store` whose bucket has 3 to 63 lower-case letters, digits, `.` and `-`",
    ),
    "InvalidAccessKeyId": ("the access key is unknown there", f"check {_KEY} and {_URL}"),
    "SignatureDoesNotMatch": (
        "access key and secret key do not belong together",
        f"check {_KEY} and {_SECRET}",
    ),
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": ("the session token is not valid", "check AWS_SESSION_TOKEN"),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set the clock, then try again"),
    "RequestExpired": ("this machine's clock is wrong", "set the clock, then try again"),
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AccountProblem": _DENIED,
    "Forbidden": _DENIED,
    "403": _DENIED,
    "QuotaExceeded": ("the quota is used up", "free some space, then the same command resumes"),
    "EntityTooLarge": ("the object is too large for it", "use another endpoint"),
}


class Truncated(ConnectionError):
    """An answer was shorter than its own header says."""


@dataclass(frozen=True)
class Request:
    """A request to a bucket, for the text of its error."""

    action: str
    """The name of the client's method."""
    bucket: str
    where: str
    endpoint: str


def code_of(error: BaseException | None) -> str:
    """Return the endpoint's code of an error; empty for other errors."""
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code") or "")


def is_missing(error: BaseException | None) -> bool:
    """Whether there is no such object; a missing bucket is something else."""
    return code_of(error) in ("NoSuchKey", "404", "NotFound")


def is_denied(error: BaseException | None) -> bool:
    """Whether the endpoint denies the request."""
    return _CODES.get(code_of(error)) is _DENIED


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, ClientError):
        return _status(error) >= 500 or _status(error) == 429 or code_of(error) in _AGAIN
    return isinstance(error, _LOST) and not isinstance(error, boto.SSLError)


def store_error(error: BaseException, request: Request) -> StoreError:
    """Return an error with what a user can do. The text has no key, secret or token."""
    problem, advice = _reason(error, request)
    action = ACTIONS.get(request.action, request.action)
    return StoreError(
        f"cannot {action} in bucket '{request.bucket}'{address_of(request.endpoint)}: {problem}",
        where=request.where,
        next_step=advice,
    )


def address_of(endpoint: str) -> str:
    """Return the address of an endpoint for an error, without parts that may be secret."""
    if not endpoint:
        return ""
    parts = urlsplit(endpoint)
    port = f":{parts.port}" if parts.port else ""
    return f" at {parts.scheme}://{parts.hostname}{port}"


def _reason(error: BaseException, request: Request) -> tuple[str, str]:
    if isinstance(error, ClientError):
        return _answered(error, request)
    if isinstance(error, boto.SSLError):
        advice = f"use http:// in {_URL} if it speaks no TLS, or AWS_CA_BUNDLE if it is its own CA"
        return f"TLS fails ({_cause(error)})", advice
    if isinstance(error, (boto.NoCredentialsError, boto.NoAuthTokenError)):
        return "no keys are set", f"set {_KEY} and {_SECRET}, or AWS_PROFILE"
    if isinstance(error, boto.PartialCredentialsError):
        return "only half of the keys is set", f"set both {_KEY} and {_SECRET}"
    if isinstance(error, boto.ProfileNotFound):
        return "there is no such AWS profile", "check AWS_PROFILE and AWS_CONFIG_FILE"
    if isinstance(error, boto.InvalidRegionError):
        return "this is not the name of a region", "check AWS_REGION"
    if isinstance(error, ValueError) and "endpoint" in str(error).lower():
        return "this is not the address of an endpoint", f"set {_URL} to http(s)://host:port"
    if isinstance(error, _LOST):
        return _unreached(error, request)
    return f"{type(error).__name__}", "check the AWS settings: `aws s3 ls` should work"


def _unreached(error: BaseException, request: Request) -> tuple[str, str]:
    scheme = "https" if request.endpoint.startswith("http:") else "http"
    if isinstance(error, boto.ConnectTimeoutError) or _is_refused(error):
        return "nothing answers there", f"check {_URL}, the network, and that the service runs"
    if isinstance(error, (boto.ReadTimeoutError, TimeoutError)):
        return "it does not answer in time", f"check {_URL} and the service, then try again"
    advice = f"check {_URL} (does it want {scheme}://?) and the service"
    return f"the connection breaks ({type(error).__name__})", advice


def _is_refused(error: BaseException) -> bool:
    """Whether no connection was opened, rather than one that broke."""
    if not isinstance(error, boto.EndpointConnectionError):
        return False
    # aiobotocore 3 raises EndpointConnectionError for both: aiohttp's own error tells which it is.
    cause = error.kwargs.get("error")
    return not isinstance(cause, aiohttp.ClientOSError) or isinstance(
        cause, aiohttp.ClientConnectorError
    )


def _answered(error: ClientError, request: Request) -> tuple[str, str]:
    code, status = code_of(error), _status(error)
    if code in _ELSEWHERE:
        region = _region(error)
        return f"the bucket lies in another region{region and f', {region}'}", (
            f"set AWS_REGION={region}" if region else f"check AWS_REGION and {_URL}"
        )
    if code in _CODES:
        return _CODES[code]
    if status >= 500 or status == 429:
        return f"it answers {status} {code} again and again", "look at the service, then try again"
    if code.isdigit() or not code:
        return f"it answers {status or code}, which is not S3", (
            f"check {_URL}: the host, the port, and http or https"
        )
    message = str(error.response["Error"].get("Message", ""))[:200]
    return f"{code}: {message}", "look at the service and its limits"


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _region(error: ClientError) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = error.response.get("Error", {}).get("Region")
    return str(region or headers.get("x-amz-bucket-region") or "")


def _cause(error: BaseException) -> str:
    """Return the short reason that the ssl library gives: `WRONG_VERSION_NUMBER`."""
    inner: BaseException | None = error
    while inner is not None:
        reason = getattr(inner, "reason", None) or getattr(inner, "verify_message", None)
        if isinstance(reason, str):
            return reason
        inner = inner.__cause__ or inner.__context__
    return type(error).__name__
