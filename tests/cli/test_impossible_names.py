"""Names that no file can have, and files that cannot be read to their end, are one line each."""

import pytest

TOO_LONG = "9" * 400


@pytest.mark.parametrize("variable", ["MELANGE_CLOUD_PROFILES", "MELANGE_CLOUD_GLPSOL", "MELANGE_CLOUD_CBC"])
def test_a_variable_with_a_name_too_long_for_a_file_is_refused_in_one_line(run, variable):
    result = run("plan", "--region", "us-east-1", "--offline", **{variable: TOO_LONG})
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    (line,) = (line for line in result.stderr.splitlines() if variable in line)
    assert len(line) < 300


def test_a_file_without_an_end_is_refused(run):
    result = run("workloads", "from-trace", "/proc/self/mem", "--name", "x", "--output", "x.json")
    assert result.exit_code == 2
    assert "/proc/self/mem: cannot be read" in result.stderr


def test_a_type_that_a_fleet_names_twice_in_one_object_is_refused(run, tmp_path):
    today = tmp_path / "today.json"
    today.write_text('{"instances": {"g5.2xlarge": 7, "g5.2xlarge": 8}}', encoding="utf-8")
    result = run("plan", "--region", "us-east-1", "--offline", "--current", str(today))
    assert result.exit_code == 2
    assert "has a duplicate field g5.2xlarge in one object: keep one" in result.stderr
