"""What the value of an option is: its name in help, how it is read, and what to give where it is not one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, is_number, parse_whole
from melange_cloud.inputs.written_quantities import (
    Ambiguous,
    factor,
    fraction,
    gib,
    hours,
    latency_ms,
    requests_per_s,
    seconds,
)


@dataclass(frozen=True, slots=True)
class ValueType:
    """A kind of quantity that an option takes.

    Attributes:
        name: as help shows it.
        read: a text to its number; raises NotANumber.
        cure: what to give, where a text is not one of it.
        example: one with a unit.
    """

    name: str
    read: Callable[[str], float]
    cure: str
    example: str

    def fault(self, value: object) -> str:
        """Why a value of the settings file cannot be read, and what to give instead; empty if it can."""
        if not (isinstance(value, str) or is_number(value)):
            return f"give a number, or text such as '{self.example}'"
        try:
            self.read(str(value))
        except Ambiguous as error:
            return str(error)
        except NotANumber:
            return self.cure
        return ""

    def parser(self, option: str) -> Callable[[Any], Any]:
        """What the command line reads the option's value with; a number from the settings file is read as its text."""

        def parsed(value: Any) -> float:
            text = str(value)
            if why := self.fault(text):
                raise BadInput(f"{option} {echoed(text)}: {why}")
            return self.read(text)

        return parsed

    def of(self, option: str) -> dict[str, Any]:
        """What ``typer.Option`` takes of it."""
        return {"parser": self.parser(option), "metavar": self.name}


def _whole_seconds(text: str) -> int:
    return parse_whole(f"{seconds(text):.15g}", -(10**15), 10**15)


def share(cure: str, most: float) -> ValueType:
    """A share or another fraction: ``20%`` or ``0.2``."""
    return ValueType("SHARE", partial(fraction, most=most), cure, "20%")


def time_ms(longest_s: float) -> ValueType:
    """A latency in ms; ``longest_s`` is the longest that somebody means who writes it in s or min."""
    cure = "give milliseconds above 0, such as 100, 100ms or 0.1s"
    return ValueType("TIME", partial(latency_ms, longest_s=longest_s), cure, "100ms")


PER_TOKEN_MS = time_ms(longest_s=10)
"""A reader takes in some 5 tokens/s; ten seconds for each is a slip."""
FIRST_TOKEN_MS = time_ms(longest_s=60)
WHOLE_REQUEST_MS = time_ms(longest_s=3_600)
RATE_PER_S = ValueType(
    "RATE", partial(requests_per_s, busiest=True), "give requests/s, such as 10, 10/s or 600/min", "600/min"
)
"""That of the busiest hour."""
MEAN_RATE_PER_S = ValueType("RATE", requests_per_s, "give requests/s, such as 10, 600/min or 864000/day", "600/min")
MEMORY_GIB = ValueType("SIZE", gib, "give GiB, such as 64 or 64GiB", "64GiB")
MONTH_HOURS = ValueType("HOURS", hours, "give hours, such as 730", "730h")
DURATION_S = ValueType("DURATION", seconds, "give seconds, such as 20, 20s or 1m", "20s")
WHOLE_SECONDS = ValueType("DURATION", _whole_seconds, "give whole seconds, such as 60, 60s or 5m", "60s")
FACTOR = ValueType("FACTOR", factor, "give a factor, such as 1.5 or 150%", "150%")
