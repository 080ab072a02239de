"""When two costs count as equal."""


def equal_within(usd_per_hour: float) -> float:
    """By how much two costs may differ and still count as equal, USD/h: the error of the solvers' tolerances."""
    return max(1e-6, 1e-7 * usd_per_hour)


def same_cost(one_usd_per_hour: float, other_usd_per_hour: float) -> bool:
    """True if two costs are equal within the solvers' tolerances."""
    return abs(one_usd_per_hour - other_usd_per_hour) <= equal_within(max(one_usd_per_hour, other_usd_per_hour))


def is_cheaper(usd_per_hour: float, than_usd_per_hour: float) -> bool:
    """True if a cost is below another by more than the solvers' tolerances."""
    return usd_per_hour < than_usd_per_hour - equal_within(than_usd_per_hour)
