"""How far off the estimator is: what ``profiles validate`` answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardRow:
    """Errors of one quantity on request shapes held out of the fit; fractions with four decimals.

    Attributes:
        quantity: what is estimated: ``saturation``, ``rate_under_slo``, ``tpot_at_rate`` or ``batch_latency``.
        n: rows compared with the estimator, over all splits.
        cells: different measured cells among them.
        refused: measured cells without a profile: their replica is refused.
        median_error, p90_error: of the estimator, absolute and relative.
        shipped_median_error, shipped_p90_error: as shipped; None if the quantity is not a rate.
        within_stated: the share of cells within their stated error, as shipped; None likewise.
    """

    gpu: str
    era: str
    precision: str
    quantity: str
    n: int
    cells: int
    refused: int
    median_error: float
    p90_error: float
    shipped_median_error: float | None
    shipped_p90_error: float | None
    within_stated: float | None
