"""Which of two fleets costs more, and how sure that is."""

from dataclasses import dataclass
from enum import StrEnum

PRICES_APART_DAYS = 90
"""Prices whose dates are further apart than this may have moved in between."""


class Confidence(StrEnum):
    """How sure it is that the dearer of two fleets is the dearer one.

    ``clear``: whatever the profiles' errors do together or one at a time, with a spare instance too, prices of about
    the same date. ``equal``: they cost the same. ``prices_apart``: clear as long as prices that are more than
    PRICES_APART_DAYS apart still hold. ``not_proven``: the dearer one was not searched to the end and could undercut
    the other. ``turns_with_spare``: the order turns where both fleets must survive losing an instance.
    ``within_profile_error``: the order turns, or may turn, within the profiles' errors.
    """

    CLEAR = "clear"
    EQUAL = "equal"
    PRICES_APART = "prices_apart"
    NOT_PROVEN = "not_proven"
    TURNS_WITH_SPARE = "turns_with_spare"
    WITHIN_PROFILE_ERROR = "within_profile_error"


class OrderBasis(StrEnum):
    """Why an order holds whatever the profiles do.

    ``offers``: every offer of the dearer side has one of the same GPU and size on the other, no dearer. ``ranges``: the
    cheaper side at the low end of every profile costs no more than the dearer at the high end. ``every_break``: both
    sides were solved anew wherever a fleet changes while all errors move together, and while each moves alone.
    """

    OFFERS = "offers"
    RANGES = "ranges"
    EVERY_BREAK = "every_break"


@dataclass(frozen=True, slots=True)
class Reversal:
    """A point within the profiles' errors at which the order of two fleets is the other way round.

    Attributes:
        moved: the GPUs or kinds whose MaxTput is off there, together; empty where all of them are.
        error_part: by what part of their stated errors, in [-1, 1]; above 0 they are better than stated.
        cheaper_usd_per_month, dearer_usd_per_month: what the cheaper and the dearer side (as stated) cost there; None
            where no fleet serves the load.
    """

    moved: tuple[str, ...]
    error_part: float
    cheaper_usd_per_month: float | None
    dearer_usd_per_month: float | None


@dataclass(frozen=True, slots=True)
class CostOrder:
    """What is known of the order of two sides, the cheaper as stated first.

    Attributes:
        sure: the verdict.
        basis: why the order holds; None where it does not, or may not.
        turn: where it turns; None where it never does, or where that could not be looked for.
        cheaper_with_spare_usd_per_month, dearer_with_spare_usd_per_month: both where each must survive losing any one
            instance; None where that has no fleet, or was not needed to decide.
    """

    sure: Confidence
    basis: OrderBasis | None = None
    turn: Reversal | None = None
    cheaper_with_spare_usd_per_month: float | None = None
    dearer_with_spare_usd_per_month: float | None = None
