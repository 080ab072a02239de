"""What is said about a trace that was read: as what, what was left out, and what came of it."""

from collections.abc import Iterable, Iterator, Mapping

from melange_cloud.domain import WorkloadFile
from melange_cloud.report.pages.arrivals import rates_in_words
from melange_cloud.report.pages.workload import cached_in_words, load_error_in_words


def trace_notes(made: WorkloadFile, column_words: Mapping[str, str]) -> Iterator[str]:
    """As what a trace was read and what came of it, one line each.

    Args:
        made: the workload that the trace became.
        column_words: file -> what its columns were taken for; files with the same words share a line.
    """
    by_words: dict[str, list[str]] = {}
    for file, words in column_words.items():
        by_words.setdefault(words, []).append(file)
    for words, files in by_words.items():
        yield f"{files[0]}{f' and {len(files) - 1} more' if len(files) > 1 else ''}: {words}"
    if made.cached_input_share:
        yield cached_in_words(made.cached_input_share)
    buckets = len(made.workload.buckets)
    error = "" if made.load_error is None else f"; {load_error_in_words(made.load_error)}"
    yield f"{made.workload.requests:,} requests in {buckets} bucket{'' if buckets == 1 else 's'}{error}"
    if made.arrival_rates is not None:
        yield f"arrivals: {rates_in_words(made.arrival_rates)}"


def trace_warnings(left_out: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    """What may make the workload differ from the trace, one line each.

    Args:
        left_out: the first rows that could not be read, with the reason.
        found: what else a user should know.
    """
    yield from (f"left out: {row}" for row in left_out)
    yield from found
