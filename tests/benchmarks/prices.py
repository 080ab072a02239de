"""What prices cost in time, as ratios within one run: `python -m tests.benchmarks.prices`.

Every call goes to a server on 127.0.0.1 that answers each after LATENCY_S. Three questions:

1. `prices refresh` of all regions of both clouds, start to end, against the longest chain of pages that can only be
   asked one after another. The chain is found in the server's own record and asked again, page by page, over plain
   HTTP. GCP's list is served in GCP_PAGES pages, AWS's with one product a page. What a refresh costs beside the network
   (Python, boto3, Google's libraries: about 2 s on two cores) is the same for any chain, and is shown.
2. `plan` on a fresh cache of the shipped snapshot's size, which must make no call, against `plan --offline`.
3. `plan` without credentials and without a network, against `plan --offline`, for each way in which a metadata server
   can fail to be there.

Medians of interleaved runs, so that a busy machine hits all alike. Ends with 1 where a limit is missed.
"""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import urlencode, urlsplit

from melange_cloud import catalog
from melange_cloud.catalog import CachedPrices, QueryRecord
from melange_cloud.domain import PROVIDERS, PURCHASES
from tests.clouds.aws_cloud import FakeAws, recorded, recorded_spot
from tests.clouds.gcp_recorded import SKUS_PATH, skus
from tests.clouds.loopback import Answer, Loopback, Reply, Request
from tests.live import both_clouds

LATENCY_S = 0.1
GCP_PAGES = 24
REFRESH_RUNS = 5
PLAN_RUNS = 11
MOST_CHAINS = 2.0
MOST_OVER_OFFLINE = 1.1
MELANGE = (sys.executable, "-c", "from melange_cloud.cli.app import main; main()")
PLAN = ("plan", "--region", "us-east-1", "--region", "us-central1")
_OURS = ("AWS_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_", "MELANGE_CLOUD_")

Environment = dict[str, str]


def main() -> None:
    """Print seconds and ratios."""
    missed = [*refreshing(), *planning_warm(), *planning_without_credentials()]
    if missed:
        sys.exit(f"over the limit: {', '.join(missed)}")


def refreshing() -> list[str]:
    """`prices refresh` against its longest chain; the names of the ratios that miss their limit."""
    took: dict[str, list[float]] = {"refresh": [], "chain": [], "refresh, no latency": []}
    pages = 0
    for _ in range(REFRESH_RUNS):
        for name, latency_s in (("refresh", LATENCY_S), ("refresh, no latency", 0.0)):
            with Loopback(paged(), latency_s) as server, machine(pointing_at(server)) as environment:
                took[name].append(seconds(environment, "prices", "refresh"))
                if latency_s:
                    chain = longest_chain(server.requests)
                    pages = len(chain)
                    took["chain"].append(asked_again(server.url, chain))
    median = medians(took)
    print(f"longest chain: {pages} pages of {chain_name(chain[0])}, {LATENCY_S * 1000:.0f} ms each")
    return ratio("refresh / chain", median["refresh"] / median["chain"], MOST_CHAINS)


def planning_warm() -> list[str]:
    """`plan` on a fresh cache against `plan --offline`; the names of the ratios that miss their limit."""
    with Loopback(paged(), LATENCY_S) as server, machine(pointing_at(server)) as environment:
        offers = filled(environment)
        with machine({}) as empty:
            median = interleaved(
                {
                    "plan, fresh cache": (environment, PLAN),
                    "plan --offline, the same cache": (environment, (*PLAN, "--offline")),
                    "plan --offline, no cache": (empty, (*PLAN, "--offline")),
                }
            )
        if server.requests:
            sys.exit(f"a plan on a fresh cache made {len(server.requests)} calls")
    print(f"no call was made; the cache holds {offers} prices")
    warm = median["plan, fresh cache"]
    print(f"fresh cache / offline without one  {warm / median['plan --offline, no cache']:.2f}")
    return ratio("fresh cache / offline", warm / median["plan --offline, the same cache"], MOST_OVER_OFFLINE)


def planning_without_credentials() -> list[str]:
    """`plan` where nothing can be asked against `plan --offline`; the names of the ratios that miss their limit."""
    closed = f"127.0.0.1:{closed_port()}"
    with Loopback(lambda request: Reply(fault="hang")) as silent, machine({}) as off:
        refused, hanging = metadata_at(closed), metadata_at(silent.url.removeprefix("http://"))
        with machine(refused) as first_refused, machine(refused) as later_refused, machine(hanging) as later_hanging:
            median = interleaved(
                {
                    "plan --offline": (off, (*PLAN, "--offline")),
                    "plan, no metadata server": (off, PLAN),
                    "plan, metadata refused": (first_refused, (*PLAN, "--refresh")),
                    "plan, metadata refused, remembered": (later_refused, PLAN),
                    "plan, metadata hangs, remembered": (later_hanging, PLAN),
                }
            )
        asked = len(silent.requests)
        waits = []
        for _ in range(REFRESH_RUNS):
            with machine(hanging) as first_hanging:
                waits.append(seconds(first_hanging, *PLAN) - seconds(off, *PLAN, "--offline"))
    print(f"{statistics.median(waits):7.3f} s  more for the first plan of a day where a metadata server hangs")
    if asked != 1:
        sys.exit(f"a metadata server that hangs was asked {asked} times in {PLAN_RUNS + 1} plans of a day, not once")
    return [
        failed
        for name, value in median.items()
        if name != "plan --offline"
        for failed in ratio(f"{name} / offline", value / median["plan --offline"], MOST_OVER_OFFLINE)
    ]


def paged() -> Answer:
    """The recorded answers of both clouds, in pages."""
    lines = skus()
    size = -(-len(lines) // GCP_PAGES)
    every = both_clouds(aws=FakeAws(recorded("gpu_products.json"), recorded_spot(), page=1))

    def answer(request: Request) -> Reply:
        if not request.path.startswith(SKUS_PATH):
            return every(request)
        page = int(request.query.get("pageToken", ["0"])[0])
        more = {"nextPageToken": str(page + 1)} if page + 1 < GCP_PAGES else {}
        return Reply({"skus": lines[page * size : (page + 1) * size], **more})

    return answer


def longest_chain(requests: list[Request]) -> list[Request]:
    """The requests that differ by their page alone and are most, in order of arrival."""
    chains = [list(chain) for _, chain in groupby(sorted(requests, key=_question), _question)]
    return max((sorted(chain, key=lambda request: request.number) for chain in chains), key=len)


def _question(request: Request) -> str:
    """What is asked, without the page."""
    query = sorted((name, value) for name, value in request.query.items() if name != "pageToken")
    body: object = request.body
    target = request.headers.get("x-amz-target", "")
    if target:
        body = sorted((name, str(value)) for name, value in request.json().items() if name != "NextToken")
    scope = request.headers.get("authorization", "").partition("Credential=")[2].partition(",")[0]
    return repr((request.path, query, target, scope, body))


def chain_name(request: Request) -> str:
    """Whose pages they are."""
    return "GCP's price list" if request.path.startswith(SKUS_PATH) else request.path


def asked_again(url: str, chain: list[Request]) -> float:
    """Seconds that the chain takes, one page after another on one connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    start = time.perf_counter()
    for request in chain:
        target = f"{request.path}?{urlencode(request.query, doseq=True)}"
        connection.request(request.method, target, request.body or None, {"X-Again": "1"})
        assert connection.getresponse().read()
    took = time.perf_counter() - start
    connection.close()
    return took


@contextmanager
def machine(variables: Mapping[str, str]) -> Iterator[Environment]:
    """The environment of a machine with an empty home, no credentials and no metadata server, but for ``variables``."""
    with tempfile.TemporaryDirectory() as home:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        yield {
            **inherited,
            "HOME": home,
            "CLOUDSDK_CONFIG": home,
            "MELANGE_CLOUD_CACHE_DIR": f"{home}/cache",
            "NO_PROXY": "127.0.0.1",
            **(variables or {"AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"}),
        }


def pointing_at(server: Loopback) -> Environment:
    """Both SDKs ask the server."""
    return {
        "AWS_ENDPOINT_URL_PRICING": server.url,
        "AWS_ENDPOINT_URL_EC2": server.url,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_GCE_CHECK": "true",
        "MELANGE_CLOUD_GCP_BILLING_ENDPOINT": server.url,
        "MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT": server.url,
        "MELANGE_CLOUD_GCP_PROJECT": "a-project",
    }


def metadata_at(address: str) -> Environment:
    """Both SDKs look for their metadata server there, which is on the loopback."""
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{address}", "GCE_METADATA_HOST": address}


def closed_port() -> int:
    """A port of the loopback that refuses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def filled(environment: Environment) -> int:
    """Put the shipped snapshot into the machine's cache as if it had just been fetched; how many prices that is."""
    os.environ["MELANGE_CLOUD_CACHE_DIR"] = environment["MELANGE_CLOUD_CACHE_DIR"]
    now = datetime.now(UTC)
    snapshot = catalog.load_snapshot()
    for provider in PROVIDERS:
        places = sorted(
            {(one.region, one.purchase) for one in snapshot.offers if one.instance_type.provider == provider}
        )
        parts = [
            CachedPrices(region, purchase, now, True, snapshot.offers_in(provider, region, purchase))
            for region, purchase in places
        ]
        asked = [QueryRecord(catalog.EVERY_REGION, purchase, now, True) for purchase in PURCHASES]
        assert catalog.store(provider, parts, asked, now) == ()
    return len(snapshot.offers)


def interleaved(commands: Mapping[str, tuple[Environment, tuple[str, ...]]]) -> dict[str, float]:
    """The median seconds of each command, after one run of each that is not counted."""
    took: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(PLAN_RUNS + 1):
        for name, (environment, arguments) in commands.items():
            spent = seconds(environment, *arguments)
            if run:
                took[name].append(spent)
    return medians(took)


def medians(took: Mapping[str, list[float]]) -> dict[str, float]:
    """The medians, which are printed too."""
    median = {name: statistics.median(times) for name, times in took.items()}
    for name, value in median.items():
        print(f"{value:7.3f} s  {name}")
    return median


def seconds(environment: Environment, *arguments: str) -> float:
    """How long a command takes, from its start to its end."""
    start = time.perf_counter()
    done = subprocess.run((*MELANGE, *arguments), env=environment, cwd=environment["HOME"], capture_output=True)
    took = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()}")
    return took


def ratio(name: str, value: float, most: float) -> list[str]:
    """Print a ratio; its name where it is over its limit."""
    print(f"{name}  {value:.2f}  (at most {most:g})")
    return [name] if value > most else []


if __name__ == "__main__":
    main()
