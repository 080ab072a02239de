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


# What the sources say of lengths (tokens): input mean, p50, p90, p99, then output. None: not told by a histogram.
LENGTHS = {
    "chat": ((136, 40, 432, 902), (256, 211, 513, 785)),
    "code": ((2048, 1469, 5194, 7436), (28, 13, 55, 252)),
    "conversation": ((1155, 1020, 2735, 4142), (211, 129, 424, 601)),
    "document": ((5667, 5082, 9532, 19662), (366, 380, 504, 653)),
    "sharegpt": ((2340, 1730, 5696, 7434), (439, 415, 834, 998)),
}
# By hour: windows, min, mean, p95, peak requests/s, as the sources' own tables have them.
WEEKS = {
    "code-week": (168, 2.52, 27.8, 75.7, 83.6),
    "conversation-week": (168, 21.0, 45.1, 67.1, 74.8),
    "conversation-burstgpt": (1464, 0.0, 0.271, 1.152, 9.26),
    "m-mid": (320, 5.5, 1879, 2627, 3273),
}


def test_which_are_shipped() -> None:
    assert list_workloads() == (
        "chat", "code", "code-week", "conversation", "conversation-burstgpt", "conversation-week", "deepseek-r1",
        "document", "m-mid", "mixed", "sharegpt", "translation",
    )  # fmt: skip


@pytest.mark.parametrize("name", LENGTHS)
def test_lengths_are_those_of_the_source(name: str) -> None:
    held = load_workload_file(name)
    for figures, expected in zip((held.input_tokens, held.output_tokens), LENGTHS[name], strict=True):
        assert figures is not None
        assert (round(figures.mean), figures.p50, figures.p90, figures.p99) == expected
    assert held.rows_unreadable == 0


@pytest.mark.parametrize("name", WEEKS)
def test_hourly_rates_are_those_of_the_source(name: str) -> None:
    windows, least, mean, p95, peak = WEEKS[name]
    rates = load_workload_file(name).arrival_rates
    assert rates is not None
    assert (rates.window_s, rates.windows) == (3600, windows)
    found = (
        rates.quantile(0), rates.mean_requests_per_s, rates.p95_requests_per_s, rates.peak_requests_per_s
    )  # fmt: skip
    # The tables have three or four digits.
    assert found == pytest.approx((least, mean, p95, peak), rel=0.007)
    assert len(rates.hour_of_week()) == 168


def test_m_mid_knows_its_gaps_and_its_drift() -> None:
    held = load_workload_file("m-mid")
    assert held.arrival_rates is not None
    assert held.arrival_rates.gaps == 16
    assert held.drift is not None
    assert (held.drift.window_s, held.drift.windows) == (21_600, 56)
    assert (round(held.drift.mean, 2), round(held.drift.most, 2)) == (0.16, 0.44)


def test_the_week_of_azure_code_is_quiet_at_night_and_at_the_weekend() -> None:
    rates = load_workload_file("code-week").arrival_rates
    assert rates is not None
    week = rates.hour_of_week()
    weekdays = [[week[24 * day + hour] or 0.0 for day in range(5)] for hour in range(24)]
    profile = [sum(rates_of_hour) / 5 for rates_of_hour in weekdays]
    assert (profile.index(min(profile)), profile.index(max(profile))) == (8, 19)
    assert min(profile) == pytest.approx(7.9, abs=0.05)
    assert max(profile) == pytest.approx(77.2, abs=0.05)


def test_a_reasoning_model_answers_at_length() -> None:
    r1 = load_workload("deepseek-r1")
    long_answers = sum(bucket.share for bucket in r1.buckets if bucket.output_low_tokens >= 4_000)
    assert long_answers == pytest.approx(0.083, abs=0.0005)
    assert r1.mean_input_tokens == pytest.approx(1268)
    assert r1.mean_output_tokens == pytest.approx(1527)


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
    if name in WEEKS:
        return
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
    assert write_workload(held) == text
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
    joins = "--histogram code" in commands[0] or "--histogram conversation" in commands[0]
    own = [workload.title] if joins or not workload.requests else [workload.title, workload.source, workload.licence]
    for text in (f"--name {name} ", *(f"'{text}'" for text in own)):
        assert text in commands[0]
    said = " ".join(commands[0].split())
    for note in () if joins or name == "mixed" else workload.notes:
        fitted = "fitted to the source's mean" in note or "is taken to end" in note
        assert fitted or f"'{note}'" in said, note


@pytest.mark.parametrize("name", list_workloads())
def test_loading_takes_under_20_ms_of_cpu(name: str) -> None:
    load_workload(name)
    seconds = []
    for _ in range(10):
        start = time.process_time()
        load_workload(name)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.02


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("convrsation", "did you mean conversation"),
        ("chats", "did you mean chat? For your own traffic"),
        ("zzz", "'zzz': known are chat, code, code-week, conversation"),
        ("", "known are chat"),
    ],
)
def test_an_unknown_name_is_refused_with_close_matches(name: str, says: str) -> None:
    with pytest.raises(BadInput) as refusal:
        load_workload(name)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
