"""Which machine types exist in which region, as the Compute API lists them zone by zone."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from melange_cloud.clouds.gcp.client import GcpPatience, call_options, pages

_WHAT = "Google's list of machine types"
_FILTER = 'name eq "[ag][0-9].*"'
"""Google's GPU machines are named a<n> and g<n>: one page or two instead of a hundred."""

_NAME = re.compile("[a-z0-9-]{1,63}")
"""As the Compute API defines the names of its resources."""
_OUR_ACCELERATORS = frozenset(
    {"nvidia-l4", "nvidia-tesla-a100", "nvidia-a100-80gb", "nvidia-h100-80gb", "nvidia-h100-mega-80gb"}
)


@dataclass(frozen=True)
class MachineTypes:
    """Machine types by region.

    Attributes:
        types: region -> names of the known types that it has; a region without any is left out.
        unknown: region -> names of unknown types with a GPU that we know.
        unsure: regions with a zone that Google could not query: a type that is not listed may still exist there.
    """

    types: Mapping[str, frozenset[str]]
    unknown: Mapping[str, frozenset[str]]
    unsure: frozenset[str]


def region_of(scope: str) -> str:
    """``us-central1`` for ``zones/us-central1-a``."""
    return scope.removeprefix("zones/").rpartition("-")[0]


def list_machine_types(client: Any, project: str, known: Collection[str], patience: GcpPatience) -> MachineTypes:
    """Ask for all zones at once; they come in no fixed order, most of them empty with a NO_RESULTS warning.

    Args:
        client: a ``MachineTypesClient``.
        known: names of the machine types that we know.

    Raises:
        PricesUnavailable: the list could not be read completely; one line with the cure.
    """
    types: dict[str, set[str]] = defaultdict(set)
    unknown: dict[str, set[str]] = defaultdict(set)
    unsure: set[str] = set()
    cure = f"grant compute.machineTypes.list (role Compute Viewer) on project {project}, or name another project"
    ask = {"project": project, "filter": _FILTER, "max_results": 500}
    for page in pages(lambda: client.aggregated_list(request=ask, **call_options(patience)), _WHAT, cure, patience):
        unsure.update(region_of(scope) for scope in page.unreachables)
        for zone, scoped in page.items.items():
            if scoped.warning.code and not scoped.warning.code.startswith("NO_RESULTS"):
                unsure.add(region_of(zone))
            for machine in scoped.machine_types:
                if machine.name in known:
                    types[region_of(zone)].add(machine.name)
                elif _NAME.fullmatch(machine.name) and any(
                    gpu.guest_accelerator_type in _OUR_ACCELERATORS for gpu in machine.accelerators
                ):
                    unknown[region_of(zone)].add(machine.name)
    return MachineTypes(_frozen(types), _frozen(unknown), frozenset(unsure))


def _frozen(names: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {region: frozenset(names[region]) for region in sorted(names)}
