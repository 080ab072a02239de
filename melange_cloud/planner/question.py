"""A question to the planner: what was set, by parts; ``resolve`` (planner/resolve.py) fills in the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields, replace
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, TypeVar

from melange_cloud.domain.question import (
    DEFAULT_PURCHASE,
    AnswerDetail,
    Calculation,
    FleetRules,
    LatencyTargets,
    ServedModel,
    TrafficQuestion,
)
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.purchase_names import purchase_named
from melange_cloud.inputs.suggestions import close_matches, slip_or_not_supported
from melange_cloud.market.markets import PriceQuestion

Part = TypeVar("Part")

PARTS: Mapping[str, type] = {
    "market": PriceQuestion,
    "served": ServedModel,
    "traffic": TrafficQuestion,
    "targets": LatencyTargets,
    "fleet": FleetRules,
    "calculation": Calculation,
    "detail": AnswerDetail,
}
"""By the attribute of Question that holds it."""

_NONE_SAYS_SOMETHING = frozenset({"explain"})


def fields_of(part: type) -> Iterator["Field[Any]"]:
    """The fields of a part that a question may set."""
    return (one for one in fields(part) if not one.metadata.get("derived"))


@dataclass(frozen=True, slots=True, init=False)
class Question:
    """What a caller may ask of the planner: ``Question(regions=("us-east-1",), workload="chat", tpot_ms=60)``.

    It takes the fields of all its parts as keywords. One that is None is not set: its default holds, and the answer
    names it.

    Attributes:
        market: where, and at which prices (``regions``, ``provider``, ``purchase``, ``prices`` ...).
        served, traffic, targets, fleet, calculation, detail: see ``domain/question.py``.
        given: what was set, by keyword.
    """

    market: PriceQuestion
    served: ServedModel
    traffic: TrafficQuestion
    targets: LatencyTargets
    fleet: FleetRules
    calculation: Calculation
    detail: AnswerDetail
    given: Mapping[str, Any]

    def __init__(self, regions: tuple[str, ...] | str = (), **options: Any) -> None:
        """One region may be given as a word, and files as text, as notebooks do."""
        keywords = {one.name for part in PARTS.values() for one in fields_of(part)}
        if unknown := sorted(options.keys() - keywords):
            raise TypeError(f"Question has no {unknown[0]}: {close_matches(unknown[0], keywords)}")
        given = {name: value for name, value in options.items() if value is not None or name in _NONE_SAYS_SOMETHING}
        given["regions"] = (regions,) if isinstance(regions, str) else tuple(regions)
        if "prices" in given:
            given["prices"] = Path(given["prices"])
        for name in ("config", "current"):
            if name in given:
                given[name] = str(given[name])
        object.__setattr__(self, "given", given)
        for attribute, part in PARTS.items():
            values = {one.name: given[one.name] for one in fields_of(part) if one.name in given}
            object.__setattr__(self, attribute, part(**values))

    def but(self, **changes: Any) -> "Question":
        """The same question with other values; None leaves one unset."""
        return Question(**{**self.given, **changes})

    @property
    def of_prices(self) -> PriceQuestion:
        """Which prices it needs.

        Raises:
            BadInput: unknown purchase.
        """
        return replace(self.market, purchase=purchase_of(self))


Question.__signature__ = Signature(  # type: ignore[attr-defined]
    [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in {one.name: one.type for part in PARTS.values() for one in fields_of(part)}.items()
    ]
)


def purchase_of(question: Question) -> str:
    """The requested purchase, spelled as PURCHASES does.

    Raises:
        BadInput: unknown purchase.
    """
    return purchase_named("--purchase", question.given.get("purchase", DEFAULT_PURCHASE))


def known_word(option: str, word: str, known: tuple[str, ...]) -> str:
    """A word as the known ones are spelled.

    Raises:
        BadInput: it is not one of them.
    """
    normal = word.lower().replace("-", "_")
    if normal not in known:
        raise BadInput(f"{option} {echoed(word)}: {slip_or_not_supported(normal, known)}")
    return normal


__all__ = ["Question", "fields_of", "known_word", "purchase_of"]
