"""The faults of pricing/README.md: its table says what is printed when each is provoked, and names tests that exist."""

import re

import pytest

from tests import readme
from tests.faults import FAULTS, machine

PAGE = readme.ROOT / "pricing" / "README.md"
TABLE = PAGE.read_text(encoding="utf-8").partition("<!-- faults -->\n")[2].partition("\n\n")[0]
ROWS = {
    cells[0]: cells for line in TABLE.splitlines()[2:] if (cells := [cell.strip() for cell in line.split("|")[1:-1]])
}


def test_every_fault_has_its_row_and_every_row_its_fault():
    assert ROWS.keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_prints_what_its_row_shows(fault):
    shown = re.findall(r"`([^`]+)`", ROWS[fault][2])
    with machine() as here:
        printed = FAULTS[fault](here)
    assert shown
    for piece in shown:
        assert piece in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("fault", ROWS)
def test_the_tests_that_a_row_names_are_there(fault):
    for module, name in re.findall(r"`(\w+)::(\w+)`", ROWS[fault][3]):
        files = (readme.ROOT / "tests").rglob(f"{module}.py")
        assert any(f"def {name}(" in file.read_text(encoding="utf-8") for file in files), f"{module}::{name}"
    assert "::" in ROWS[fault][3]
