"""What went wrong with AWS, and how to fix it; no SDK exception gets past this module."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from melange_cloud.clouds.bounded_answers import UnusableAnswerError
from melange_cloud.concurrency import DeadlinePassedError
from melange_cloud.errors import Finding, MelangeError, echoed

_CLOCK_TOLERANCE_S = 300  # AWS rejects a signature that is more than five minutes off
_SHOWN = 12
_SHOWN_CODE = 60
_SHOWN_MESSAGE = 150

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_CLOCK_WORDS = ("signature expired", "signature not yet current")
_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
_NOT_ENABLED = "the region is not enabled for this account, or the credentials are not valid there"
TRY_AGAIN_OR_CHECK_PROXIES = "try again, and check any proxy on the way"
_LOG_IN = "log in again (`aws sso login`, or new keys)"


class UnreadError(MelangeError):
    """A part could not be read; the finding says why, with the cure."""


@dataclass(frozen=True, slots=True)
class UnreadPart:
    """A part that could not be read: what it is, its region or price, and why."""

    what: str
    where: str
    why: Finding


def by_cause(problems: Iterable[UnreadPart]) -> tuple[Finding, ...]:
    """One finding per cause, with the parts that it affects (the first dozen, then a count); sorted."""
    causes: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        causes.setdefault((problem.what, problem.why.what, problem.why.cure), []).append(problem.where)
    findings = []
    for (what, why, cure), places in sorted(causes.items()):
        shown = sorted(set(places))
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        findings.append(Finding(why, cure).of(f"{what} {', '.join(shown[:_SHOWN])}{more}"))
    return tuple(findings)


@contextmanager
def vendor_faults(action: str) -> Iterator[None]:
    """Turn whatever boto3 raises into UnreadError.

    Args:
        action: the permission that the calls need, such as ``pricing:GetProducts``.

    Raises:
        UnreadError: with cause and cure.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except (UnusableAnswerError, DeadlinePassedError) as error:
        raise UnreadError(error.finding) from error
    except ClientError as error:
        raise UnreadError(_refusal(error, action)) from error
    except ResponseParserError as error:
        raise UnreadError(malformed("it is not XML or JSON")) from error
    except BotoCoreError as error:
        raise UnreadError(_failure(error)) from error


def malformed(how: str) -> Finding:
    """Why an answer cannot be read."""
    return Finding(f"the answer is truncated or malformed ({how})", TRY_AGAIN_OR_CHECK_PROXIES)


def _refusal(error: Any, action: str) -> Finding:
    """Why AWS rejected the call. ``error`` is a ClientError."""
    code = echoed(error.response.get("Error", {}).get("Code", ""), _SHOWN_CODE)
    message = echoed(error.response.get("Error", {}).get("Message", ""), _SHOWN_MESSAGE)
    answered = error.response.get("ResponseMetadata", {})
    status = int(answered.get("HTTPStatusCode", 0))
    skew_s = _clock_skew_s(answered.get("HTTPHeaders", {}).get("date", ""))
    if code in _CLOCK or any(words in message.lower() for words in _CLOCK_WORDS) or _is_refused_by_clock(code, skew_s):
        off = f"{abs(skew_s) / 60:.0f} minutes off" if abs(skew_s) > _CLOCK_TOLERANCE_S else "off"
        return Finding(f"the clock of this machine is {off}, so AWS rejects its signature", "set the clock")
    if code in _DENIED:
        return Finding("permission denied", f"allow {action} in the IAM policy of these credentials")
    if code in _EXPIRED:
        return Finding("the credentials have expired", _LOG_IN)
    if code == "OptInRequired" or (code == "AuthFailure" and action.startswith("ec2:")):
        return Finding(_NOT_ENABLED, "enable it in the account's AWS Regions settings, or ask for other regions")
    if code in _CREDENTIALS:
        cure = "check them with `aws sts get-caller-identity`"
        return Finding(f"AWS does not accept the credentials ({code})", cure)
    if code in _THROTTLED or status == 429:
        return Finding("AWS still throttles these calls after several retries", "try again in a minute")
    if status >= 500:
        return fails(status)
    return Finding(f"AWS rejected the request ({code or status}: {message})", "check the region and the endpoint")


def fails(status: int) -> Finding:
    """The last attempt got 429 or 5xx."""
    return Finding(f"AWS still fails after several retries (HTTP {status})", "try again later")


def no_answer_in_time(address: str) -> Finding:
    """An address did not answer before the time-out."""
    return Finding(f"no answer in time from {address}", "try again, or check the network and HTTPS_PROXY")


def _clock_skew_s(date: str) -> float:
    """How far this machine's clock is ahead of the date in AWS's answer, seconds; 0 if the answer has no date."""
    try:
        return (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return 0.0


def _is_refused_by_clock(code: str, skew_s: float) -> bool:
    return code in _CREDENTIALS and abs(skew_s) > _CLOCK_TOLERANCE_S


def _failure(error: Any) -> Finding:
    """Why there was no answer. ``error`` is a BotoCoreError."""
    from botocore import exceptions

    if isinstance(error, (exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError)):
        return no_answer_in_time(_endpoint(error))
    if isinstance(error, exceptions.SSLError):
        cure = "name your own certificate authority in AWS_CA_BUNDLE"
        return Finding(f"the certificate of {_endpoint(error)} is not trusted", cure)
    if isinstance(error, exceptions.ProxyConnectionError):
        return Finding("the proxy cannot be reached", "check HTTPS_PROXY")
    if isinstance(error, (exceptions.EndpointConnectionError, exceptions.HTTPClientError)):
        cure = "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL_*"
        return Finding(f"{_endpoint(error)} cannot be reached", cure)
    login_error = getattr(exceptions, "LoginError", exceptions.SSOError)  # newer than the oldest boto3 that we support
    if isinstance(error, (exceptions.SSOError, exceptions.TokenRetrievalError, login_error)):
        return Finding("the login of this profile has expired", _LOG_IN)
    text = echoed(error, _SHOWN_MESSAGE)
    return Finding(f"the AWS settings of this machine cannot be used ({text})", "check AWS_PROFILE and ~/.aws")


def _endpoint(error: Any) -> str:
    return str(error.kwargs.get("endpoint_url") or "AWS").rstrip("/")
