"""A name means one thing: what is called alike in two rooms is listed here with the reason."""

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import melange_cloud

PACKAGE = Path(melange_cloud.__file__).parent

SAME_NOUN = {
    "arrivals": ("report/pages", "workload"),
    "coverage": ("domain", "planner", "report/pages"),
    "current_fleet": ("planner/region", "report/pages"),
    "error_bars": ("planner", "report/pages"),
    "evidence": ("cli/profiles", "domain", "report/pages"),
    "explanation": ("domain", "report/pages"),
    "front_end": ("profiles", "report/pages"),
    "gpu_list": ("domain", "planner", "report/pages"),
    "heatmap": ("cli/profiles", "domain", "planner", "report/pages"),
    "import_report": ("domain", "report/pages"),
    "measurement": ("domain", "report/pages"),
    "plan": ("cli", "domain"),
    "price_difference": ("domain", "report/pages"),
    "profile": ("profiles/max_tput", "report/pages"),
    "profile_list": ("domain", "profiles"),
    "profile_rates": ("domain", "profiles"),
    "purchases": ("domain", "planner", "report/pages"),
    "question": ("domain", "planner"),
    "region_list": ("domain", "report/pages"),
    "regions": ("catalog", "cli", "report/pages"),
    "report_card": ("calibration", "domain", "report/pages"),
    "sweep": ("domain", "report/pages"),
    "user_measurements": ("domain", "planner", "profiles"),
    "workload": ("domain", "report/pages"),
}
"""One noun at several levels: domain/ says what it is, another package computes or reads it, report/ shows it."""

COMMAND = {
    "doctor": ("cli/prices", "market"),
    "import_results": ("cli/profiles", "profiles"),
    "mix": ("cli/workloads", "workload"),
    "renew": ("catalog", "cli/maintain", "market"),
    "scale": ("cli/workloads", "workload"),
    "sensitivity": ("cli", "planner/sweep"),
    "show": ("cli/profiles", "cli/workloads"),
}
"""A command is named after what it does: cli/prices/doctor reads the options, market/doctor does the work."""

EACH_CLOUD = {
    "bounded_requests": ("clouds/aws", "clouds/gcp"),
    "client": ("clouds/aws", "clouds/gcp"),
    "source": ("clouds/aws", "clouds/gcp"),
}
"""The same job for each cloud."""


def _modules() -> Iterable[Path]:
    return (path for path in PACKAGE.rglob("*.py") if path.stem not in {"__init__", "__main__"})


def test_no_class_has_the_name_of_another():
    homes = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].append(path.relative_to(PACKAGE).as_posix())
    assert len(homes) > 200
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_modules_of_one_name_have_a_reason():
    homes = defaultdict(list)
    for path in _modules():
        homes[path.stem].append(path.parent.relative_to(PACKAGE).as_posix())
    reasons = SAME_NOUN | COMMAND | EACH_CLOUD
    twice = {name: found for name, found in homes.items() if len(found) > 1}
    assert set(reasons) <= set(twice)
    assert {name: found for name, found in twice.items() if not set(found) <= set(reasons.get(name, ()))} == {}
