"""Decisions that need all rows, not only the first: time units, models, failures, values that no row has."""

from collections.abc import Mapping

from melange_cloud.errors import BadFile, BadInput, Fault, echoed
from melange_cloud.inputs.suggestions import closest, did_you_mean
from melange_cloud.workload.traces.columns import ANY
from melange_cloud.workload.traces.time_units import UNIT_WORDS, TimeSpan, candidates, unit_of
from melange_cloud.workload.traces.trace_rows import GuessedUnit, TraceState


def refuse_uncounted_cache(reading: TraceState) -> None:
    """Refuse a log whose input tokens may exclude cached ones."""
    for path, columns in reading.columns.items():
        unclear = [
            label.column
            for label in columns.labels
            if label.role == "cache" and reading.labels.above_one[label.role, label.column]
        ]
        if unclear:
            inputs = "+".join(map(_whole_name, columns.input_there))
            holds = f"{' and '.join(echoed(name, 40) for name in unclear)} {'hold' if len(unclear) > 1 else 'holds'}"
            both = "+".join([inputs, *map(_whole_name, unclear)])
            # One line each, so that nothing is cut.
            raise BadFile(
                [
                    Fault(path, f"{holds} cached tokens. If the input includes them, use --input-column {inputs}"),
                    Fault(path, f"if the input does not include them, use --input-column {both}"),
                ]
            )


def refuse_sums_of_requests(reading: TraceState) -> None:
    """Refuse a log whose rows are sums over several requests."""
    for path, columns in reading.columns.items():
        for label in columns.labels:
            rows = reading.labels.above_one[label.role, label.column] if label.role == "requests" else 0
            if rows:
                name = echoed(label.column, 60)
                message = (
                    f"{name} is above 1 in {rows:,} "
                    f"{'rows, which sum' if rows > 1 else 'row, which sums'} up requests: "
                    "use a log with one row per request, or workloads from-counts; if each row is one request, add "
                    f"--where '{name}={ANY}'"
                )
                raise BadFile([Fault(path, message)])


def _whole_name(name: str) -> str:
    """A column's full name, since users copy it."""
    return echoed(name, 300)


def refuse_unknown_values(reading: TraceState) -> None:
    """Refuse a value of ``--where`` that no row has."""
    wanted: dict[str, set[str]] = {}
    for columns in reading.columns.values():
        for label in columns.labels:
            wanted.setdefault(label.column, set()).update(label.wanted or ())
    for column, values in wanted.items():
        seen: Mapping[str, int] = reading.labels.seen.get(("where", column), {})
        for value in sorted(values - set(seen)):
            near = closest(value, seen) or sorted(seen, key=lambda word: -seen[word])[:5]
            meant = did_you_mean(echoed(word, 40) for word in near) or "it is always empty"
            raise BadInput(f"--where {echoed(column, 40)}={echoed(value, 40)}: no row has this value; {meant}")


def refuse_mixed_models(reading: TraceState) -> None:
    """Refuse a log of several models, unless the user counts them as one."""
    for column, models in reading.labels.models.items():
        if len(models) > 1:
            total = sum(models.values())
            listed = [
                f"{echoed(model, 40)} ({100 * count / total:.2g} %)"
                for model, count in sorted(models.items(), key=lambda item: (-item[1], item[0]))
            ]
            more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
            name = echoed(column, 40)
            raise BadInput(
                f"{len(listed)} models in one log, by {name}: {', '.join(listed[:3])}{more}; choose one with --where "
                f"{name}=NAME, or count them as one with --where '{name}={ANY}'"
            )


def unit_is_in_question(reading: TraceState) -> bool:
    """True if there will be rates from times whose unit is a guess."""
    return bool(_guessed(reading)) and not reading.untimed and not any(c.absolute for c in reading.clocks.values())


def guessed_unit(reading: TraceState) -> str | None:
    """The guessed unit of all times with a guessed unit; None if files differ."""
    units = {guess.clock.unit for guess in _guessed(reading)}
    return units.pop() if len(units) == 1 else None


def judged_unit(reading: TraceState) -> str | None:
    """The unit of times with a guessed unit, judged by all requests; None if more than one is plausible."""
    return unit_of(_stretch(reading), _guessed(reading)[0].lean)


def _guessed(reading: TraceState) -> list[GuessedUnit]:
    return [guess for guess in reading.guessed.values() if guess.requests]


def _stretch(reading: TraceState) -> TimeSpan:
    """The requests of files whose times count from one origin."""
    guessed = _guessed(reading)
    ends = [
        (guess.first_s / guess.clock.seconds_per_unit, guess.last_s / guess.clock.seconds_per_unit) for guess in guessed
    ]
    units = max(last for _, last in ends) - min(first for first, _ in ends)
    return TimeSpan(sum(guess.requests for guess in guessed), units)


def which_unit(reading: TraceState) -> str:
    """Ask the user for the unit of times, and say what each possible unit would mean."""
    path, guess = next((path, guess) for path, guess in reading.guessed.items() if guess.requests)
    stretch = _stretch(reading)
    units = candidates(stretch, guess.lean)[:2]
    meanings = "; ".join(f"as {UNIT_WORDS[unit]}, {stretch.meaning(unit)}" for unit in units)
    options = " or ".join(f"--time-unit {unit}" for unit in units)
    return (
        f"{echoed(path.name, 60)}: {echoed(guess.column, 40)} may count {' or '.join(units)}: {meanings}. "
        f"Choose with {options}, or ignore the times with --ignore-times"
    )


def unit_note(reading: TraceState) -> str:
    """Say which unit was assumed for times, and what it makes of the requests."""
    guess = _guessed(reading)[0]
    unit = guess.clock.unit
    one, two, three = (other for other in UNIT_WORDS if other != unit)
    return (
        f"{echoed(guess.column, 40)} seems to count {UNIT_WORDS[unit]}: {_stretch(reading).meaning(unit)}; use "
        f"--time-unit {one}, {two} or {three} if it does not"
    )


def label_notes(reading: TraceState) -> list[str]:
    """Say what ``--where`` selected, and how many requests failed."""
    tally, notes = reading.tally, []
    asked: dict[str, frozenset[str] | None] = {}
    for columns in reading.columns.values():
        asked.update({label.column: label.wanted for label in columns.labels if label.role == "where"})
    if reading.passed_over:
        rows = tally.requests + reading.passed_over
        words = ", ".join(
            f"{echoed(column, 40)}={echoed(value, 40)}"
            for column, values in asked.items()
            for value in sorted(values or ())
        )
        notes.append(f"only rows with {words}: {tally.requests:,} of {rows:,}")
    for column, failed in reading.labels.failed.items():
        if failed:
            notes.append(
                f"{failed:,} of {tally.requests:,} requests failed (see {echoed(column, 40)}) but count as traffic; "
                f"leave them out with --where {echoed(column, 40)}=VALUE"
            )
    return notes
