"""How sure a difference of cost is."""

from enum import StrEnum

PRICES_APART_DAYS = 90
"""Prices whose dates are further apart than this may have moved in between."""


class Sure(StrEnum):
    """How sure it is that the dearer of two fleets is the dearer one.

    ``clear``: more than the profiles' errors explain, prices of about the same date. ``equal``: they cost the same.
    ``prices_apart``: clear as long as prices that are more than PRICES_APART_DAYS apart still hold. ``not_proven``: the
    dearer one was not searched to the end and could undercut the other. ``within_profile_error``: either could turn
    out cheaper.
    """

    CLEAR = "clear"
    EQUAL = "equal"
    PRICES_APART = "prices_apart"
    NOT_PROVEN = "not_proven"
    WITHIN_PROFILE_ERROR = "within_profile_error"
