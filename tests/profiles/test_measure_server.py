import http.server
import threading
import time
from contextlib import contextmanager

import pytest

from melange_cloud.errors import BadInput, MelangeError
from melange_cloud.profiles.measure import ask_server, probe
from tests.profiles.tiny_engine import SERVED, TinyEngine


def test_a_server_says_what_it_serves(tiny_engine):
    server = ask_server(tiny_engine.url)
    assert server.models == (SERVED,)
    assert server.engine == "llamacpp"
    assert ask_server(f"{tiny_engine.url}/v1/") == server


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_the_probe_counts_the_tokens_that_were_really_made(tiny_engine, endpoint):
    server = ask_server(tiny_engine.url)
    began_s = time.monotonic()
    found = probe(server, SERVED, endpoint)
    took_s = time.monotonic() - began_s
    assert found.output_tokens == found.asked_tokens == 16
    assert 0 < found.seconds_per_token <= took_s / 16


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://localhost", "http://", "http:///v1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(BadInput, match=r"--url .*: must be the server's address"):
        ask_server(url)


def test_a_server_that_is_not_there(tiny_model):
    engine = TinyEngine(tiny_model)
    engine.stop()
    with pytest.raises(MelangeError, match=r"does not answer: .*refused.*is the server up"):
        ask_server(engine.url)


@contextmanager
def answering(status: int, body: bytes):
    """A web server that is no inference engine."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  as http.server calls it

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "did not answer in JSON: is this an OpenAI-compatible server"),
        (200, b"\xff", "did not answer in JSON"),
        (200, b"[]", "did not answer with a JSON object"),
        (200, b"{}", "lists no models"),
        (200, b'{"data": [{"id": 5}, 7]}', "lists no models"),
        (401, b"{}", "HTTP 401: the server requires a key; set OPENAI_API_KEY"),
        (404, b"", "HTTP 404: path not found"),
        (503, b'{"error": "loading\nmodel"}', 'HTTP 503: {"error": "loading model"}'),
    ],
)
def test_something_that_is_not_an_inference_server_is_recognised(status, body, said):
    with answering(status, body) as url, pytest.raises(MelangeError) as caught:
        ask_server(url)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_without_completions_is_asked_for_chat(tiny_engine):
    server = ask_server(tiny_engine.url)
    with answering(404, b"") as url, pytest.raises(MelangeError, match="try --endpoint chat"):
        probe(type(server)(url, (SERVED,), {}, ""), SERVED, "completions")


def test_a_server_that_does_not_count_cannot_be_measured(tiny_engine):
    server = ask_server(tiny_engine.url)
    with answering(200, b'{"choices": []}') as url, pytest.raises(MelangeError, match=r"usage\.completion_tokens"):
        probe(type(server)(url, (SERVED,), {}, ""), SERVED, "completions")
