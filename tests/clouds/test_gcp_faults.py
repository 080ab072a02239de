"""What Google's own clients meet on a bad day: pages, throttling, refusals, silence, broken answers."""

import socket
import threading
from dataclasses import replace

import pytest

from melange_cloud.clouds.gcp import GcpPatience, GcpPrices
from melange_cloud.errors import PricesUnavailable
from tests.clouds.gcp_recorded import MACHINES, MACHINES_PATH, SKUS_PATH, read_json, skus
from tests.clouds.loopback import Loopback, Reply, by_path, in_turn

QUICK = GcpPatience(answer_s=120, give_up_s=0.5, first_wait_s=0.01, longest_wait_s=0.02, connect_s=120)
"""Much time for an answer, however busy the machine is; half a second of ``clock`` for pauses between attempts."""
WHOLE = Reply({"skus": skus()})


def error(status, reason="TROUBLE", message="Try later."):
    return Reply({"error": {"code": status, "message": message, "status": reason}}, status=status)


class Clock:
    """What Google's retries take for the time: it passes in their pauses alone."""

    def __init__(self):
        self.pauses_s = []

    def monotonic(self):
        return sum(self.pauses_s)

    def sleep(self, seconds):
        self.pauses_s.append(seconds)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    for module in ("retry_unary", "retry_base"):
        monkeypatch.setattr(f"google.api_core.retry.{module}.time", clock)
    return clock


@pytest.fixture
def serve(monkeypatch):
    """Fetch us-central1 on demand from a server that answers like this; the server's requests in ``serve.requests``."""

    def fetch(billing, compute=None, patience=QUICK, progress=None, **options):
        answers = {SKUS_PATH: billing}
        if compute is not None:
            answers[MACHINES_PATH] = compute
            options["project"] = "a-project"
        with Loopback(by_path(answers)) as server:
            monkeypatch.setenv("MELANGE_CLOUD_GCP_BILLING_ENDPOINT", server.url)
            monkeypatch.setenv("MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT", server.url)
            serve_fetch.requests = server.requests  # type: ignore[attr-defined]
            return GcpPrices(patience=patience, **options).fetch(("us-central1",), ("on_demand",), MACHINES, progress)

    serve_fetch = fetch
    return fetch


def refused(serve, *args, **options):
    """The one line that is said when nothing could be read."""
    with pytest.raises(PricesUnavailable) as found:
        serve(*args, **options)
    line = str(found.value)
    assert "\n" not in line
    assert "http://" not in line
    return line


def in_pages(*pages):
    """The recorded SKUs dealt out to pages, each of which names the next; None ends them."""
    listed = skus()
    tokens = ["", *pages[:-1]]

    def answer(request):
        at = tokens.index(request.query.get("pageToken", [""])[0])
        return Reply({"skus": listed[at :: len(tokens)], "nextPageToken": pages[at] or ""})

    return answer


def test_pages_are_read_to_the_end(serve):
    seen = []
    fetched = serve(in_pages("b", "c", None), progress=lambda what, done, total: seen.append((done, total)))
    assert fetched.offers == serve(WHOLE).offers
    assert seen == [(19, None), (38, None), (56, None)]


def test_an_empty_page_is_not_the_end(serve):
    def answer(request):
        token = request.query.get("pageToken", [""])[0]
        return {
            "": Reply({"skus": skus()[:30], "nextPageToken": "empty"}),
            "empty": Reply({"nextPageToken": "last"}),
            "last": Reply({"skus": skus()[30:]}),
        }[token]

    assert serve(answer).offers == serve(WHOLE).offers


def test_a_page_is_asked_for_as_google_documents(serve):
    serve(in_pages("b", None))
    assert [request.path for request in serve.requests] == [SKUS_PATH, SKUS_PATH]
    assert serve.requests[0].query["pageSize"] == ["5000"]
    assert serve.requests[0].query["currencyCode"] == ["USD"]
    assert serve.requests[1].query["pageToken"] == ["b"]


def test_a_repeated_token_ends_in_an_error_not_in_a_circle(serve):
    said = refused(serve, lambda request: Reply({"skus": skus(), "nextPageToken": "again"}))
    assert "keeps repeating the page 'again'" in said
    assert len(serve.requests) == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_throttling_and_server_errors_are_tried_again(serve, status):
    fetched = serve(in_turn(error(status), error(status), WHOLE))
    assert fetched.offers
    assert not fetched.problems
    assert len(serve.requests) == 3


def test_attempts_back_off(serve, clock):
    refused(serve, error(503), patience=replace(QUICK, give_up_s=1.0, first_wait_s=0.05, longest_wait_s=0.2))
    assert len(serve.requests) == len(clock.pauses_s) + 1
    for pause_s, at_most_s in zip(clock.pauses_s, [0.05, 0.1, 0.2, *[0.2] * len(clock.pauses_s)], strict=False):
        assert 0 <= pause_s <= at_most_s
    assert 0.8 <= sum(clock.pauses_s) <= 1  # the next pause would have ended later than 1 s


def test_a_server_that_never_recovers_is_given_up(serve):
    said = refused(serve, error(503, message="backend down"))
    assert "no usable answer within 0.5 s" in said
    assert "503 backend down" in said


def test_nobody_there_is_not_waited_for(monkeypatch):
    with Loopback(lambda request: WHOLE) as server:
        monkeypatch.setenv("MELANGE_CLOUD_GCP_BILLING_ENDPOINT", server.url)
    attempts, connect = [], socket.socket.connect

    def counted(*to):
        attempts.append(to)
        connect(*to)

    monkeypatch.setattr(socket.socket, "connect", counted)
    with pytest.raises(PricesUnavailable, match="no connection"):
        GcpPrices().fetch(None, ("on_demand",), MACHINES)
    assert len(attempts) == 1


def test_access_denied_says_what_to_allow(serve):
    said = refused(serve, error(403, "PERMISSION_DENIED", "Cloud Billing API has not been used in project 1"))
    assert "access denied" in said
    assert "Cloud Billing API has not been used in project 1" in said
    assert "enable the Cloud Billing API" in said
    assert len(serve.requests) == 1


def test_a_wrong_key_is_one_line(serve):
    said = refused(serve, error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."))
    assert "400 API key not valid" in said
    assert "check MELANGE_CLOUD_GCP_API_KEY" in said
    assert len(serve.requests) == 1


def test_expired_credentials_say_how_to_renew_them(serve):
    """Real user credentials whose refresh token has been revoked, on a real client."""
    from google.api_core.client_options import ClientOptions
    from google.cloud.billing_v1 import CloudCatalogClient
    from google.oauth2.credentials import Credentials

    revoked = Reply({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, status=400)
    with Loopback(by_path({SKUS_PATH: error(401, "UNAUTHENTICATED"), "/token": revoked})) as server:
        credentials = Credentials(
            token="stale",  # noqa: S106
            refresh_token="r",  # noqa: S106
            token_uri=f"{server.url}/token",
            client_id="c",
            client_secret="s",  # noqa: S106
        )
        client = CloudCatalogClient(
            credentials=credentials, transport="rest", client_options=ClientOptions(api_endpoint=server.url)
        )
        with pytest.raises(PricesUnavailable) as found:
            GcpPrices(billing=client, patience=QUICK).fetch(None, ("on_demand",), MACHINES)
    assert "the credentials have expired or are not valid" in str(found.value)
    assert "Token has been expired or revoked" in str(found.value)
    assert "gcloud auth application-default login" in str(found.value)


def test_unauthorized_without_credentials_to_renew(serve):
    assert "the credentials have expired or are not valid" in refused(serve, error(401, "UNAUTHENTICATED"))


def test_a_hanging_answer_is_given_up_in_time(serve):
    patience = GcpPatience(answer_s=0.1, give_up_s=0.03, first_wait_s=0.01, longest_wait_s=0.02)
    said = refused(serve, Reply(fault="hang"), patience=patience)
    assert "no usable answer within 0.03 s (it stopped answering)" in said
    assert len(serve.requests) >= 2


@pytest.mark.parametrize("fault", ["truncate", "drop"])
def test_a_lost_answer_is_asked_for_again(serve, fault):
    lost = Reply({"skus": skus()}, fault=fault)
    assert serve(in_turn(lost, WHOLE)).offers == serve(WHOLE).offers
    assert "no usable answer" in refused(serve, lost)


@pytest.mark.parametrize(
    "body",
    ['{"skus": [{"skuId": "A"', "<html>Sign in to the hotel's network</html>", "", b"\xff\xfe", '{"skus": 3}', "null"],
)
def test_malformed_json_is_one_line(serve, body):
    assert "is not in the JSON form that Google documents" in refused(serve, Reply(body))


@pytest.mark.parametrize("body", [{}, [], {"skus": []}])
def test_an_answer_without_anything_of_ours_is_no_price_list(serve, body):
    assert "has none of the GPU machines that melange-cloud knows" in refused(serve, Reply(body))


def test_a_later_page_that_fails_spoils_the_whole(serve):
    def answer(request):
        return error(403) if "pageToken" in request.query else Reply({"skus": skus(), "nextPageToken": "b"})

    assert "access denied" in refused(serve, answer)


def test_a_server_killed_in_the_middle(monkeypatch):
    def answer(request):
        if "pageToken" in request.query:
            server.close()
        return Reply({"skus": skus(), "nextPageToken": "b"})

    with Loopback(answer) as server:
        monkeypatch.setenv("MELANGE_CLOUD_GCP_BILLING_ENDPOINT", server.url)
        with pytest.raises(PricesUnavailable, match=r"no connection|breaks off"):
            GcpPrices(patience=QUICK).fetch(None, ("on_demand",), MACHINES)


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        (error(403, message="Required 'compute.machineTypes.list' permission"), "grant compute.machineTypes.list"),
        (error(503), "no usable answer within 0.5 s"),
        (Reply("{"), "is not in the JSON form that Google documents"),
        (Reply({"items": {}, "nextPageToken": "again"}), "keeps repeating the page 'again'"),
    ],
)
def test_without_machine_types_prices_still_come_from_what_is_known(serve, compute, said):
    fetched = serve(WHOLE, compute, known_types={"us-central1": {"g2-standard-4"}})
    (problem,) = map(str, fetched.problems)
    assert said in problem
    assert "the machine types known offline are used instead" in problem
    assert [offer.instance_type.name for offer in fetched.offers] == ["g2-standard-4"]


def test_both_lists_are_read_side_by_side(serve):
    """Neither is answered before both have been asked for."""
    both_asked = threading.Barrier(2)

    def machine_types(request):
        both_asked.wait(120)
        return Reply(read_json("machine_types.json")[1])

    def price_list(request):
        both_asked.wait(120)
        return WHOLE

    fetched = serve(price_list, machine_types)
    assert fetched.offers
    assert not fetched.problems
