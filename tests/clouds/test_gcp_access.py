"""Credentials, endpoints and clients: found quickly, sent nowhere else."""

import json
import socket
import subprocess
import sys

import pytest

from melange_cloud.clouds import PriceSource
from melange_cloud.clouds.credentials import NoCredentials
from melange_cloud.clouds.gcp import GcpPatience, GcpPrices
from melange_cloud.clouds.gcp.client import endpoint, find_credentials
from melange_cloud.errors import BadInput, PricesUnavailable
from tests.clouds.gcp_recorded import MACHINES, MACHINES_PATH, SKUS_PATH, read_json, skus
from tests.clouds.loopback import Loopback, Reply, by_path

QUICK = GcpPatience(answer_s=120, give_up_s=0.5, first_wait_s=0.01, longest_wait_s=0.02)
BILLING = "MELANGE_CLOUD_GCP_BILLING_ENDPOINT"


def test_it_is_a_price_source():
    source: PriceSource = GcpPrices()
    assert source.provider == "gcp"


def test_importing_it_imports_nothing_of_google():
    code = (
        "import sys, melange_cloud.clouds.gcp; "
        "print([m for m in sys.modules if m.split('.')[0] in ('google', 'grpc', 'requests')])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_what_google_says_about_old_pythons_is_neither_printed_nor_an_error():
    """Its libraries warn on import once a Python is out of date: of 3.11 since 2026-10-24, here of every one."""
    code = (
        "import datetime\n"
        "class Later(datetime.date):\n"
        "    @classmethod\n"
        "    def today(cls): return cls(2040, 1, 1)\n"
        "datetime.date = Later\n"
        "import warnings; warnings.simplefilter('error', FutureWarning)\n"
        "from melange_cloud.clouds.gcp.client import vendor_errors, GcpPatience\n"
        "with vendor_errors('', '', GcpPatience()): import google.cloud.billing_v1\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "http://localhost:1/", "http://[::1]:8080"])
def test_plain_http_on_this_machine_is_local(monkeypatch, address):
    monkeypatch.setenv(BILLING, address)
    assert endpoint(BILLING) == (address.rstrip("/"), True)


def test_https_is_not_local(monkeypatch):
    monkeypatch.setenv(BILLING, "https://127.0.0.1:8080")
    assert endpoint(BILLING) == ("https://127.0.0.1:8080", False)
    monkeypatch.delenv(BILLING)
    assert endpoint(BILLING) == (None, False)


@pytest.mark.parametrize(
    "address",
    [
        "http://billing.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://10.0.0.1:8080",
        "http://0.0.0.0:8080",
        "ftp://127.0.0.1",
        "127.0.0.1:8080",
        "https://",
    ],
)
def test_any_other_address_is_refused(monkeypatch, address):
    monkeypatch.setenv(BILLING, address)
    with pytest.raises(BadInput, match=BILLING):
        GcpPrices().fetch(None, ("on_demand",), MACHINES)


def test_a_bad_compute_endpoint_is_bad_input_too(monkeypatch):
    with Loopback(by_path({SKUS_PATH: Reply({"skus": skus()})})) as server:
        monkeypatch.setenv(BILLING, server.url)
        monkeypatch.setenv("MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT", "http://compute.example.com")
        with pytest.raises(BadInput, match="COMPUTE_ENDPOINT"):
            GcpPrices(project="p").fetch(None, ("on_demand",), MACHINES)


def test_nothing_secret_goes_over_plain_http(monkeypatch):
    monkeypatch.setenv("MELANGE_CLOUD_GCP_API_KEY", "secret-1")
    pages = by_path({SKUS_PATH: Reply({"skus": skus()}), MACHINES_PATH: Reply(read_json("machine_types.json")[1])})
    with Loopback(pages) as server:
        monkeypatch.setenv(BILLING, server.url)
        monkeypatch.setenv("MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT", server.url)
        GcpPrices(api_key="secret-2", project="a-project").fetch(None, ("on_demand",), MACHINES)
    assert len(server.requests) == 2
    for request in server.requests:
        assert "secret" not in f"{request.path}{request.query}{request.headers}"
        assert "authorization" not in request.headers


def test_an_api_key_is_sent_as_google_documents_and_shown_nowhere(monkeypatch):
    source = GcpPrices(api_key="secret-1")
    assert "secret" not in repr(source)
    from melange_cloud.clouds.gcp.client import billing_client

    def nobody():
        raise AssertionError("an API key is enough")

    client = billing_client("secret-1", nobody, QUICK)
    headers = {}
    client.transport._credentials.before_request(None, "GET", "https://cloudbilling.googleapis.com", headers)
    assert headers == {"x-goog-api-key": "secret-1"}
    assert client.api_endpoint == "cloudbilling.googleapis.com"


def test_without_credentials_nobody_is_asked_and_the_cure_is_said(monkeypatch):
    connections = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: connections.append(address))
    with pytest.raises(NoCredentials) as found:
        GcpPrices().fetch(None, ("on_demand",), MACHINES)
    assert connections == []
    assert isinstance(found.value, PricesUnavailable)
    assert str(found.value) == (
        "no credentials, so no live prices: set MELANGE_CLOUD_GCP_API_KEY or run "
        "`gcloud auth application-default login`"
    )


@pytest.mark.parametrize("reply", [Reply(fault="hang"), Reply("not Google"), Reply(fault="drop")])
def test_a_metadata_server_that_is_none_costs_a_moment(monkeypatch, reply):
    with Loopback(lambda request: reply) as server:
        monkeypatch.delenv("NO_GCE_CHECK")
        monkeypatch.setenv("GCE_METADATA_HOST", server.url.removeprefix("http://"))
        with pytest.raises(NoCredentials):
            find_credentials(QUICK)
        assert len(server.requests) == 1
        with pytest.raises(NoCredentials):
            find_credentials(QUICK, ask_metadata=False)
        assert len(server.requests) == 1


def test_no_gce_check_is_respected(monkeypatch):
    with Loopback(lambda request: Reply(headers={"Metadata-Flavor": "Google"})) as server:
        monkeypatch.setenv("GCE_METADATA_HOST", server.url.removeprefix("http://"))
        with pytest.raises(NoCredentials):
            find_credentials(QUICK)
    assert not server.requests


def service_account(server, tmp_path, monkeypatch):
    """Application default credentials whose tokens come from the loopback."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "key.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "p",
                "private_key": key.decode(),
                "private_key_id": "1",
                "client_email": "a@p.iam.gserviceaccount.com",
                "token_uri": f"{server.url}/token",
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))


def test_default_credentials_are_asked_for_once_and_with_few_rights(monkeypatch, tmp_path):
    token = Reply({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})
    with Loopback(by_path({"/token": token})) as server:
        service_account(server, tmp_path, monkeypatch)
        credentials = find_credentials(QUICK)
    assert credentials.valid
    assert len(server.requests) == 1
    assert set(credentials.scopes) == {
        "https://www.googleapis.com/auth/cloud-billing.readonly",
        "https://www.googleapis.com/auth/compute.readonly",
    }


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, status=400), "have expired"),
        (Reply(fault="hang"), "Google's sign-in"),
    ],
)
def test_default_credentials_that_do_not_work_are_said_before_any_call(monkeypatch, tmp_path, reply, said):
    with Loopback(by_path({"/token": reply})) as server:
        service_account(server, tmp_path, monkeypatch)
        patience = GcpPatience(0.2 if reply.fault == "hang" else 120, 0.5, 0.01, 0.02)
        with pytest.raises(PricesUnavailable, match=said):
            GcpPrices(patience=patience).fetch(None, ("on_demand",), MACHINES)
    assert {request.path for request in server.requests} == {"/token"}


def test_a_key_file_that_is_not_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))
    with pytest.raises(PricesUnavailable, match=r"gone\.json"):
        GcpPrices().fetch(None, ("on_demand",), MACHINES)


def test_a_project_without_default_credentials_is_a_problem_and_no_failure(monkeypatch):
    with Loopback(by_path({SKUS_PATH: Reply({"skus": skus()})})) as server:
        monkeypatch.setenv(BILLING, server.url)
        fetched = GcpPrices(project="mine", patience=QUICK).fetch(("us-central1",), ("on_demand",), MACHINES)
    (problem,) = map(str, fetched.problems)
    assert "project mine" in problem
    assert "gcloud auth application-default login" in problem
    assert fetched.offers
