"""What changed between two catalogs: prices that moved, appeared or vanished."""

from dataclasses import dataclass
from datetime import date

from melange_cloud.domain.offers import Offer

Place = tuple[str, str, str]
"""Provider, region, purchase."""


@dataclass(frozen=True, slots=True)
class PriceChange:
    """An offer whose price changed.

    Attributes:
        offer: the later of the two.
        before: None if it appeared.
        after: None if it vanished.
    """

    offer: Offer
    before: Offer | None
    after: Offer | None

    @property
    def word(self) -> str:
        """``moved``, ``appeared`` or ``vanished``."""
        if self.before is None:
            return "appeared"
        return "vanished" if self.after is None else "moved"

    @property
    def fraction(self) -> float | None:
        """How far the price moved: 0.1 is 10 % more expensive; None unless both sides have it."""
        if self.before is None or self.after is None:
            return None
        return self.after.usd_per_instance_hour / self.before.usd_per_instance_hour - 1


@dataclass(frozen=True, slots=True)
class CatalogDifference:
    """The difference between two catalogs.

    Attributes:
        changes: sorted by provider, region, instance type and purchase.
        same: number of offers with the same price in both.
        only_before, only_after: the (provider, region, purchase) that only one side covers; they are not compared.
    """

    changes: tuple[PriceChange, ...]
    same: int
    only_before: frozenset[Place]
    only_after: frozenset[Place]


@dataclass(frozen=True, slots=True)
class RenewalCount:
    """What happened to one provider's prices of one purchase when a pricing folder was renewed.

    Attributes:
        rows: prices in the folder now.
        kept: the last day of each unchanged price.
        changes: the prices that moved, appeared or vanished.
    """

    provider: str
    purchase: str
    rows: int
    kept: tuple[date, ...]
    changes: tuple[PriceChange, ...]

    @property
    def moves(self) -> tuple[float, ...]:
        """The relative change of each price that moved: 0.1 is 10 % more expensive."""
        return tuple(change.fraction for change in self.changes if change.fraction is not None)


@dataclass(frozen=True, slots=True)
class RenewalSummary:
    """What the renewal of a pricing folder did.

    Attributes:
        folder: the folder that was written.
        notices: what could not be read, was left out or is unchanged; one line each.
        checks: what to check before these prices are committed; one line each.
        rows: prices in the folder now.
        renewed_rows: prices among them that were read again.
    """

    folder: str
    notices: tuple[str, ...]
    checks: tuple[str, ...]
    rows: int
    renewed_rows: int
    counts: tuple[RenewalCount, ...]
    difference: CatalogDifference
