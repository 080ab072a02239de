"""The only place where boto3 is set up (credentials, endpoints, time-outs, retries) and where pages are read."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from melange_cloud.clouds.aws.bounded_requests import bound_client, bound_credentials
from melange_cloud.clouds.aws.faults import TRY_AGAIN_OR_CHECK_PROXIES, UnreadError, malformed, vendor_faults
from melange_cloud.clouds.aws.metadata import ask_metadata_briefly
from melange_cloud.concurrency import Deadline
from melange_cloud.errors import PricesUnavailable

_PRICING_REGIONS = {
    "eu": "eu-central-1",
    "me": "eu-central-1",
    "af": "eu-central-1",
    "il": "eu-central-1",
    "ap": "ap-south-1",
}
"""The nearest of the three regions with a price API; us-east-1 for all others."""
_MOST_PAGES = 1000
_OPERATIONS = {
    "ec2": ("DescribeInstanceTypeOfferings", "DescribeSpotPriceHistory"),
    "pricing": ("GetProducts",),
}


@dataclass(frozen=True, slots=True)
class AwsPatience:
    """How long to wait and how often to try; throttling and 5xx are retried with botocore's standard back-off.

    With these defaults a region that does not answer is given up after half a minute; with botocore's, after five.
    """

    connect_s: float = 5.0
    read_s: float = 15.0
    pricing_attempts: int = 4
    ec2_attempts: int = 2


class _OurOperations:
    """botocore's loader, without the 800 EC2 operations that we never call.

    botocore builds a method for each, which took half of the time of a query to every region.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = self._loader.load_service_model(service_name, type_name, api_version)
        if type_name != "service-2" or service_name not in _OPERATIONS:
            return model
        return {**model, "operations": {name: model["operations"][name] for name in _OPERATIONS[service_name]}}


class AwsClients:
    """boto3 clients, made when first requested; safe to call from several threads.

    Args:
        session: the caller's boto3 Session; None makes one from the environment (AWS_PROFILE and so on).
        patience: time-outs and attempts.
        deadline: when to stop reading answers.
    """

    def __init__(
        self, session: Any = None, patience: AwsPatience | None = None, deadline: Deadline | None = None
    ) -> None:
        self._session = session
        self._patience = patience or AwsPatience()
        self._deadline = deadline
        self._made: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def credentials_from(self) -> str | None:
        """Where boto3's chain finds credentials (``env``, ``shared-credentials-file``, ``sso``, ``iam-role``, ...).

        None if there are none. Nothing is sent to AWS; a metadata server is queried briefly unless
        AWS_EC2_METADATA_DISABLED is set.

        Raises:
            PricesUnavailable: the settings refer to credentials that cannot be loaded.
        """
        try:
            with vendor_faults("sts:GetCallerIdentity"):
                credentials = self._open_session().get_credentials()
        except UnreadError as error:
            raise PricesUnavailable(error.finding) from error
        return None if credentials is None else str(credentials.method)

    def regions(self) -> tuple[str, ...]:
        """Every region of the account's partition that boto3 knows; nothing is sent."""
        session = self._open_session()
        try:
            with vendor_faults("ec2:DescribeRegions"):
                partition = session.get_partition_for_region(session.region_name or "us-east-1")
        except UnreadError:  # AWS_REGION names a region that boto3 does not know
            partition = "aws"
        return tuple(sorted(session.get_available_regions("ec2", partition_name=partition)))

    def pricing(self) -> Any:
        """The client of the price list, in the region nearest to the session's.

        Raises:
            UnreadError: it cannot be created.
        """
        home = self._open_session().region_name or ""
        region = _PRICING_REGIONS.get(home.partition("-")[0], "us-east-1")
        return self._client("pricing", region, self._patience.pricing_attempts)

    def ec2(self, region: str) -> Any:
        """The client of EC2 in a region.

        Raises:
            UnreadError: it cannot be created.
        """
        return self._client("ec2", region, self._patience.ec2_attempts)

    def _open_session(self) -> Any:
        with self._lock:
            if self._session is None:
                import boto3
                import botocore.session

                core = botocore.session.Session()
                core.register_component("data_loader", _OurOperations(core.get_component("data_loader")))
                with vendor_faults("sts:GetCallerIdentity"):
                    bound_credentials(core, self._deadline)
                    ask_metadata_briefly(core)
                    self._session = boto3.session.Session(botocore_session=core)
            return self._session

    def _client(self, service: str, region: str, attempts: int) -> Any:
        session = self._open_session()
        with self._lock:  # boto3 sessions are not thread-safe, its clients are
            if (service, region) not in self._made:
                from botocore.config import Config

                config = Config(
                    connect_timeout=self._patience.connect_s,
                    read_timeout=self._patience.read_s,
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    max_pool_connections=32,
                )
                try:
                    with vendor_faults(service):
                        client = session.client(service, region_name=region, config=config)
                        bound_client(client, self._deadline)
                        self._made[service, region] = client
                except ValueError as error:
                    raise UnreadError(str(error), cure=f"correct AWS_ENDPOINT_URL_{service.upper()}") from error
            return self._made[service, region]


def pages(call: Callable[..., Any], key: str, action: str, **asked: object) -> Iterator[list[Any]]:
    """The lists under ``key``, page by page; an empty page counts like any other.

    Args:
        action: the permission that the call needs, for its error message.

    Raises:
        UnreadError: refused, unreachable, truncated, or pages without end.
    """
    seen: set[str] = set()
    token = ""
    for _ in range(_MOST_PAGES):
        answer = _whole(call, key, action, {**asked, "NextToken": token} if token else asked)
        yield answer[key]
        token = answer.get("NextToken") or ""
        if not token:
            return
        if token in seen:
            raise UnreadError("its pages repeat without end", cure=TRY_AGAIN_OR_CHECK_PROXIES)
        seen.add(token)
    raise UnreadError(f"it does not end after {_MOST_PAGES:,} pages", cure=TRY_AGAIN_OR_CHECK_PROXIES)


def _whole(call: Callable[..., Any], key: str, action: str, asked: dict[str, object]) -> Any:
    """An answer with the list; tried twice, since botocore reads broken JSON as an empty answer."""
    for _ in range(2):
        try:
            with vendor_faults(action):
                answer = call(**asked)
        except (AttributeError, TypeError, ValueError):  # botocore's parsers raise these when JSON is not an object
            continue
        except RecursionError:
            raise UnreadError(malformed("it is nested too deeply")) from None
        if isinstance(answer.get(key), list) and isinstance(answer.get("NextToken") or "", str):
            return answer
    raise UnreadError(malformed(f"no {key} in it"))
