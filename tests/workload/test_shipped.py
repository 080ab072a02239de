"""The shipped workloads say what their sources say."""

import math
import time

import pytest

from melange_cloud.errors import BadInput
from melange_cloud.shipped import shipped
from melange_cloud.workload import list_workloads, load_workload, load_workload_file, write_workload

# Requests and mean tokens computed from the traces themselves (Azure 2023, VTC's Arena, PubMed), before bucketing.
FIGURES = {
    "conversation": (19_366, 1154.6974078281523, 211.12594237323142),
    "code": (8_819, 2047.848282118154, 27.88252636353328),
    "chat": (1_500, 136.26533333333333, 256.198),
    "document": (100, 5667.24, 366.25),
}
# By whole minutes: mean, p95, peak requests/s.
ARRIVALS = {"conversation": (58, 5.55, 7.78, 8.45), "code": (57, 2.52, 7.55, 10.5)}


def test_the_five_are_shipped() -> None:
    assert list_workloads() == ("chat", "code", "conversation", "document", "mixed")


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_those_of_the_source(name: str) -> None:
    requests, mean_input, mean_output = FIGURES[name]
    workload = load_workload(name)
    assert workload.requests == requests
    assert workload.mean_input_tokens == pytest.approx(mean_input, rel=1e-10)
    assert workload.mean_output_tokens == pytest.approx(mean_output, rel=1e-10)


@pytest.mark.parametrize("name", FIGURES)
def test_shares_are_whole_counts_of_requests(name: str) -> None:
    workload = load_workload(name)
    for bucket in workload.buckets:
        count = bucket.share * FIGURES[name][0]
        assert count == pytest.approx(round(count), abs=1e-6)
        assert round(count) >= 1


def test_known_cells_of_the_conversation_histogram() -> None:
    # hist_azure_conv_2023: 1001-2000 in, 251-500 out holds 5,107 of 19,366; one request has 12001-16000 in.
    shares = {
        (bucket.input_high_tokens, bucket.output_high_tokens): bucket.share
        for bucket in load_workload("conversation").buckets
    }
    assert shares[2000, 500] * 19_366 == pytest.approx(5_107)
    assert shares[16_000, 100] * 19_366 == pytest.approx(1)
    assert len(shares) == 36


def test_the_longest_document_is_kept() -> None:
    last = load_workload("document").buckets[-1]
    assert (last.input_low_tokens, last.input_high_tokens) == (32_000, 64_000)
    assert (last.mean_input_tokens, last.mean_output_tokens) == (37_647, 170)
    assert last.longest_total_tokens == 37_817


def test_mixed_is_80_percent_chat_and_20_percent_document() -> None:
    mixed, chat, document = (load_workload(name) for name in ("mixed", "chat", "document"))
    for kind in ("mean_input_tokens", "mean_output_tokens"):
        expected = 0.8 * getattr(chat, kind) + 0.2 * getattr(document, kind)
        assert getattr(mixed, kind) == pytest.approx(expected, rel=1e-10)
    assert mixed.requests is None


@pytest.mark.parametrize("name", list_workloads())
def test_arrivals_are_kept_where_the_source_has_real_times(name: str) -> None:
    arrivals = load_workload_file(name).arrival_rates
    if name not in ARRIVALS:
        assert arrivals is None
        return
    windows, mean, p95, peak = ARRIVALS[name]
    assert arrivals is not None
    assert (arrivals.windows, arrivals.window_s) == (windows, 60)
    assert arrivals.mean_requests_per_s == pytest.approx(mean, abs=0.005)
    assert arrivals.p95_requests_per_s == pytest.approx(p95, abs=0.005)
    assert arrivals.peak_requests_per_s == pytest.approx(peak, abs=0.05)


@pytest.mark.parametrize("name", list_workloads())
def test_every_shipped_file_is_what_we_would_write(name: str) -> None:
    text = (shipped("profiles") / "workloads" / f"{name}.json").read_text(encoding="utf-8")
    held = load_workload_file(name)
    assert write_workload(held.workload, held.arrival_rates) == text
    assert held.workload.name == name
    assert held.workload.source
    assert held.workload.licence
    assert abs(math.fsum(bucket.share for bucket in held.workload.buckets) - 1) < 1e-9


@pytest.mark.parametrize("name", list_workloads())
def test_the_readme_has_the_command_that_made_it(name: str) -> None:
    readme = (shipped("profiles") / "workloads" / "README.md").read_text(encoding="utf-8")
    commands = [part for part in readme.split("melange-cloud workloads ") if f"profiles/workloads/{name}.json" in part]
    assert len(commands) == 1
    workload = load_workload(name)
    made_of = (workload.title, workload.source, workload.licence, *workload.notes) if workload.requests else ()
    for text in (f"--name {name} ", *(f"'{text}'" for text in (*made_of, workload.title))):
        assert text in commands[0]


@pytest.mark.parametrize("name", list_workloads())
def test_loading_takes_under_5_ms(name: str) -> None:
    load_workload(name)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        load_workload(name)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.005


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("convrsation", "Did you mean conversation?"),
        ("CHAT", "Did you mean chat?"),
        ("zzz", "'zzz'. Shipped are chat, code, conversation, document, mixed"),
        ("", "Shipped are chat"),
    ],
)
def test_an_unknown_name_is_refused_with_close_matches(name: str, says: str) -> None:
    with pytest.raises(BadInput) as refusal:
        load_workload(name)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
