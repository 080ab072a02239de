"""What options and arguments take, for shells to complete: lists that ship, read when a shell asks."""

from collections.abc import Callable, Iterable
from typing import Any

from melange_cloud.domain import GPUS, PROVIDERS, PURCHASES, ROUTERS
from melange_cloud.domain.engines import ENGINES, MEAN_OF_ENGINES

Values = Callable[[], Iterable[str]]

SOLVERS = ("auto", "glpk", "cbc", "highs")
SOLD_AS = ("proven", "any")
_PRECISIONS = ("bf16", "fp16", "fp8")
_RATES = ("peak", "p99", "p95", "mean")
_OVER = ("rate", "tpot", "router")


def regions() -> list[str]:
    """Every shipped region, and all."""
    from melange_cloud import catalog

    return ["all", *sorted({region.name for region in catalog.load_regions()})]


def _regions_of_clouds() -> list[str]:
    """Every shipped region as ``aws:NAME``."""
    from melange_cloud import catalog

    return sorted(f"{region.provider}:{region.name}" for region in catalog.load_regions())


def _models() -> Iterable[str]:
    from melange_cloud.profiles import load_models

    return sorted(load_models())


def _eras() -> Iterable[str]:
    from melange_cloud.profiles import load_eras

    return sorted(load_eras())


def _workloads() -> Iterable[str]:
    from melange_cloud.workload import list_workloads

    return list_workloads()


def _instance_types() -> list[str]:
    from melange_cloud import catalog

    return sorted({shape.name for shape in catalog.load_instance_types().values()})


def _quota_families() -> list[str]:
    from melange_cloud import catalog

    return sorted({shape.quota_family for shape in catalog.load_instance_types().values()})


def _sections() -> Iterable[str]:
    from melange_cloud.report import SECTIONS

    return SECTIONS


def _over() -> list[str]:
    return [*_OVER, *(f"{what}:{gpu}" for what in ("price", "throughput") for gpu in GPUS)]


OF_OPTIONS: dict[str, Values] = {
    "--against": lambda: regions()[1:],
    "--engine": lambda: (MEAN_OF_ENGINES, *ENGINES),
    "--era": _eras,
    "--gpu": lambda: GPUS,
    "--histogram": _workloads,
    "--instance-type": _instance_types,
    "--max-gpus": lambda: (f"{gpu}=" for gpu in GPUS),
    "--max-instances": lambda: (f"{name}=" for name in _instance_types()),
    "--max-vcpus": lambda: (f"{family}=" for family in _quota_families()),
    "--model": _models,
    "--over": _over,
    "--precision": lambda: _PRECISIONS,
    "--provider": lambda: PROVIDERS,
    "--purchase": lambda: PURCHASES,
    "--rate": lambda: _RATES,
    "--region": regions,
    "--router": lambda: ROUTERS,
    "--show": _sections,
    "--sold-as": lambda: SOLD_AS,
    "--solver": lambda: SOLVERS,
    "--tp": lambda: ("1", "2", "4", "8"),
    "--workload": _workloads,
}
"""Option -> its values, where they are words that we know."""

OF_ARGUMENTS: dict[str, Values] = {
    "NAME|FILE": _workloads,
    "NAME|FILE=WEIGHT...": lambda: (f"{name}=" for name in _workloads()),
    "[REGION]...": regions,
    "SIDE": lambda: ("snapshot", "cache"),
}
"""What help calls an argument -> its values."""


def values_of(parameter: Any) -> list[str]:
    """The values of an option or argument of Typer; none where they are numbers, names of the user's, or files."""
    kind = parameter.type_descriptor
    if kind.is_choice and kind.choices:
        return [str(getattr(choice, "value", choice)) for choice in kind.choices]
    if parameter.param_type_name == "argument":
        found = OF_ARGUMENTS.get(str(parameter.metavar))
    else:
        found = next((OF_OPTIONS[name] for name in parameter.opts if name in OF_OPTIONS), None)
    return [] if found is None else list(found())


def values_with_colon(parameter: Any) -> list[str]:
    """More of its values, offered once a colon is typed: the regions of a cloud."""
    of_regions = parameter.metavar == "[REGION]..." or not {"--region", "--against"}.isdisjoint(parameter.opts)
    return _regions_of_clouds() if of_regions else []


def takes_files(parameter: Any) -> bool:
    """Whether a file may be given: as a path, or where a name or a file is taken."""
    if parameter.type_descriptor.is_path:
        return True
    named = str(parameter.metavar)
    return "FILE" in named or named == "SIDE"


def option_of_value(command: Any, word: str) -> str:
    """The option of a command that takes a word which was given without one; empty if none is known to."""
    names = (name for option in command.params for name in option.opts if name in OF_OPTIONS)
    return next((name for name in names if word in OF_OPTIONS[name]()), "")
