"""How far off the profiles are: what ``maintain validate`` answers."""

from dataclasses import dataclass

ALL = "all"
"""In a column of a report card: rows of every kind are counted together."""

NEAR_FLOOR = "near floor"
"""In the column of the grade: rates so near a latency floor that they may be none; their error is one-sided."""

POOL = "+"
"""Between grades that are counted together because each has few rows."""

KEPT = (0.85, 0.95)
"""Of the rows a stated error should cover nine in ten: fewer break a promise, more hide what is known."""

FEWEST_ROWS = 50
"""With fewer, a share says little: with a true 90 % the chance to land within KEPT is 38 % at 11 rows, 76 % at 51."""

IS_KEPT, IS_BROKEN, IS_TOO_WIDE, NOT_JUDGED = "kept", "broken", "too wide", "not judged"


@dataclass(frozen=True, slots=True)
class CardRow:
    """Errors of one quantity on measured rows that the constants have not seen; fractions with four decimals.

    Attributes:
        left_out: what the constants have not seen of a row: its ``shape``, its ``model``, its ``source``, or in
            ``never_fitted`` the row alone: it enters no fit, and is compared with the shipped constants.
        gpu, era, precision, tensor_parallel, engine, grade: whose rows; ``all`` where they are counted together, as are
            the degrees of ``1-4``. A grade is one of GRADES, ``near floor``, or several with ``+`` between them, which
            have few rows each.
        quantity: what is estimated: rates (``saturation``, ``rate_under_slo``, ``rate_in_flight``), the TPOT at a load
            (``tpot_at_rate``, ``tpot_in_flight``), the prefill of one request (``ttft_alone``), the time of an offline
            batch (``batch_latency``); ``rate_or_tpot`` is the first five together.
        n, sources: rows compared, and engine runs that they are from.
        refused: measured cells of which no profile speaks: their replica or their size is refused.
        shipped_median_error, shipped_p90_error: as shipped, absolute and relative; None if no profile has the quantity.
        shipped_bias: the median error as shipped with its sign: below 0 where the profiles are too slow.
        with_engine_median_error, with_engine_p90_error: likewise with the constants of the engine measured.
        stated_error: the median of the errors that the profiles state.
        within_stated: the share of rows within their stated error, as shipped.
        within_from, within_to: its 90 % interval, resampled by source; None where only one source was measured.
        median_error, p90_error: of the estimator, under the limits of the measurement.
    """

    left_out: str
    gpu: str
    era: str
    precision: str
    tensor_parallel: str
    engine: str
    grade: str
    quantity: str
    n: int
    sources: int
    refused: int
    shipped_median_error: float | None
    shipped_p90_error: float | None
    shipped_bias: float | None
    with_engine_median_error: float | None
    with_engine_p90_error: float | None
    stated_error: float | None
    within_stated: float | None
    within_from: float | None
    within_to: float | None
    median_error: float | None
    p90_error: float | None

    @property
    def promise(self) -> str:
        """Whether the stated error keeps its word, judged by the interval of its coverage and KEPT.

        Not judged are rows that state none, fewer than FEWEST_ROWS, and those of one source. A one-sided error may hold
        more often than in nine of ten cells: it says only how much is too much.
        """
        if self.within_from is None or self.within_to is None or self.n < FEWEST_ROWS:
            return NOT_JUDGED
        if self.within_to < KEPT[0]:
            return IS_BROKEN
        return IS_TOO_WIDE if self.within_from > KEPT[1] and self.grade != NEAR_FLOOR else IS_KEPT
