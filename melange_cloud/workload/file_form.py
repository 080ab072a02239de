"""The form of a workload file, as types of its JSON; ``melange-cloud schema workload`` prints it as a JSON Schema.

Keys that are not listed here are rejected, since they may be misspelled.
"""

from typing import Annotated, Literal, NotRequired, TypedDict

_SHARE = {"minimum": 0, "maximum": 1}
_NOT_NEGATIVE = {"minimum": 0}
_COUNT = {"minimum": 1}
_NAME = {"minLength": 1}


class TokenFiguresForm(TypedDict):
    """Statistics of single requests, before bucketing, tokens.

    Attributes:
        mean: mean, tokens.
        p50: the smallest size that 50 % of the requests do not exceed, tokens; null: unknown.
        p90: the smallest size that 90 % of the requests do not exceed, tokens; null: unknown.
        p99: the smallest size that 99 % of the requests do not exceed, tokens; null: unknown.
    """

    mean: Annotated[float, _NOT_NEGATIVE]
    p50: NotRequired[Annotated[int | None, _NOT_NEGATIVE]]
    p90: NotRequired[Annotated[int | None, _NOT_NEGATIVE]]
    p99: NotRequired[Annotated[int | None, _NOT_NEGATIVE]]


class DriftForm(TypedDict):
    """Total variation distance between the mix of each window and that of the whole source.

    Attributes:
        window_s: length of the windows, s.
        windows: number of windows.
        mean: mean distance.
        max: largest distance.
    """

    window_s: Annotated[int, _COUNT]
    windows: Annotated[int, {"minimum": 2}]
    mean: Annotated[float, _SHARE]
    max: Annotated[float, _SHARE]


class RatesForm(TypedDict):
    """Arrival rates that the source saw, requests/s.

    Attributes:
        window_s: length of the windows that were counted, s.
        windows: number of complete windows, without gaps.
        mean: mean rate, requests/s.
        p95: the rate that 95 % of the windows do not exceed, requests/s.
        peak: rate of the busiest window, requests/s.
        starts_at: start of the first window, ISO 8601 with zone; null: times without a date.
        source: source of the arrivals, if it is not that of the sizes.
        requests_by_window: requests in each window in order of time; null: a gap in the collection.
        hour_of_week: mean rate of each hour from Monday 00:00 UTC (without a date, from the first hour), requests/s;
            null: not seen. Only with two days or more.
    """

    window_s: Annotated[int, _COUNT]
    windows: Annotated[int, _COUNT]
    mean: Annotated[float, _NOT_NEGATIVE]
    p95: Annotated[float, _NOT_NEGATIVE]
    peak: Annotated[float, _NOT_NEGATIVE]
    starts_at: NotRequired[str | None]
    source: NotRequired[str]
    requests_by_window: NotRequired[Annotated[list[float | None], _NOT_NEGATIVE]]
    hour_of_week: NotRequired[Annotated[list[float | None], {"minimum": 0, "minItems": 168, "maxItems": 168}]]


class BucketForm(TypedDict):
    """A range (low, high] of sizes, with the share and the mean sizes of its requests.

    Attributes:
        input_tokens: [low, high]: above low, up to and including high. The first range, from 0, includes requests of 0
            tokens.
        output_tokens: the same for output tokens.
        mean_input_tokens: mean input tokens of the bucket's requests, inside its range.
        mean_output_tokens: mean output tokens of the bucket's requests, inside its range.
        share: fraction of all requests; shares sum to 1.
        longest_total_tokens: largest input + output of one request; null: unknown.
    """

    input_tokens: Annotated[tuple[int, int], _NOT_NEGATIVE]
    output_tokens: Annotated[tuple[int, int], _NOT_NEGATIVE]
    mean_input_tokens: Annotated[float, _NOT_NEGATIVE]
    mean_output_tokens: Annotated[float, _NOT_NEGATIVE]
    share: Annotated[float, _SHARE]
    longest_total_tokens: NotRequired[Annotated[int | None, _NOT_NEGATIVE]]


class WorkloadForm(TypedDict):
    """Request sizes and how often each occurs, with the arrival rates that the source saw.

    Attributes:
        format: name of the format.
        name: short name.
        title: what it is, for people.
        source: where the sizes come from.
        licence: terms under which the sizes may be passed on.
        dated: when the traffic was seen, for people.
        requests: number of requests behind the sizes; null: unknown.
        rows_unreadable: rows of the source that were left out; null: unknown.
        notes: what a user should know.
        input_tokens: input tokens of the requests themselves, before bucketing; null: unknown.
        output_tokens: output tokens of the requests themselves, before bucketing; null: unknown.
        cached_input_share: fraction of all input tokens that the source read from a prompt cache.
        load_error: largest error of the load from charging buckets at their mean sizes, a fraction.
        drift: how much the mix changes; null: unknown.
        requests_per_s: arrival rates that the source saw; null: unknown.
        buckets: ranges of sizes with the share and the mean sizes of their requests. Input ranges are equal or
            disjoint; so are the output ranges of one input range.
    """

    format: Literal["melange-cloud workload 2", "melange-cloud workload 1"]
    name: Annotated[str, _NAME]
    title: Annotated[str, _NAME]
    source: Annotated[str, _NAME]
    licence: Annotated[str, _NAME]
    dated: NotRequired[Annotated[str, _NAME]]
    requests: NotRequired[Annotated[int | None, _COUNT]]
    rows_unreadable: NotRequired[Annotated[int | None, _NOT_NEGATIVE]]
    notes: NotRequired[list[str] | None]
    input_tokens: NotRequired[TokenFiguresForm | None]
    output_tokens: NotRequired[TokenFiguresForm | None]
    cached_input_share: NotRequired[Annotated[float, _SHARE]]
    load_error: NotRequired[Annotated[float, {"minimum": 0, "maximum": 2}]]
    drift: NotRequired[DriftForm | None]
    requests_per_s: NotRequired[RatesForm | None]
    buckets: Annotated[list[BucketForm], {"minItems": 1}]
