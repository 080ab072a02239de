"""`melange-cloud solve`: the paper's own input."""

import csv
import json
from pathlib import Path

import pytest

TOY = json.loads((Path(__file__).parents[2] / "examples" / "paper-toy" / "input.json").read_text(encoding="utf-8"))


@pytest.fixture
def ask(run, tmp_path):
    def solve(document, *arguments):
        (tmp_path / "in.json").write_text(document if isinstance(document, str) else json.dumps(document))
        return run("solve", "in.json", *arguments)

    return solve


def test_the_toy_with_continuous_shares(ask):
    answer = json.loads(ask(TOY, "--format", "json").stdout)
    assert answer["schema_version"] == 1
    assert answer["status"] == "optimal"
    assert answer["usd_per_hour"] == pytest.approx(4.68)
    assert answer["lower_bound_usd_per_hour"] == pytest.approx(4.68)
    assert answer["instances"] == {"A10G": 1, "A100-80GB": 1}
    covered = {}
    for line in answer["shares"]:
        covered[line["row"], line["column"]] = covered.get((line["row"], line["column"]), 0) + line["share"]
    assert covered == pytest.approx({(0, 0): 1, (0, 1): 1, (1, 0): 1, (1, 1): 1})


@pytest.mark.parametrize(("slices", "usd_per_hour"), [(1, 6.70), (2, 5.69), (3, 4.68), (4, 5.69)])
def test_the_toy_with_slices(ask, slices, usd_per_hour):
    answer = json.loads(ask(TOY, "--format", "json", "--slices", str(slices)).stdout)
    assert answer["usd_per_hour"] == pytest.approx(usd_per_hour)


def test_a_max_tput_of_zero_cannot_serve(ask):
    blocked = json.loads(json.dumps(TOY))
    blocked["gpu_info"]["A10G"]["tputs"] = [[0, 0], [0, 0]]
    assert json.loads(ask(blocked, "--format", "json").stdout)["instances"] == {"A100-80GB": 2}
    blocked["gpu_info"]["A100-80GB"]["tputs"][1][0] = 0
    result = ask(blocked)
    assert result.exit_code == 3
    assert "row 1, column 0 (50 % of the traffic)" in result.stderr


def test_a_gpu_called_cost_does_not_vanish(ask):
    named = {**TOY, "gpu_info": {"cost": TOY["gpu_info"]["A100-80GB"]}}
    assert json.loads(ask(named, "--format", "json").stdout)["instances"] == {"cost": 2}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"workload_distribution": [[0.4, 0.2], [1.0, 0.4]]}, "sum to 2"),
        ({"workload_distribution": [[0.2, 0.1], [0.5]]}, "equal length"),
        ({"workload_distribution": [[0.2, 0.1], [0.9, -0.2]]}, "at least 0"),
        ({"total_request_rate": 0}, "total_request_rate"),
        ({"total_request_rate": "30"}, "total_request_rate"),
        ({"slice_factor": 0}, "slice_factor"),
        ({"gpu_info": {}}, "gpu_info"),
        ({"gpu_info": {"A": {"cost": -1, "tputs": [[1, 1], [1, 1]]}}}, "gpu_info.A.cost"),
        ({"gpu_info": {"A": {"cost": 1, "tputs": [[1, 1]]}}}, "1 x 2, the distribution is 2 x 2"),
        ({"gpu_info": {"A": {"cost": 1, "tputs": [[1, True], [1, 1]]}}}, "gpu_info.A.tputs"),
    ],
)
def test_faults_are_named_by_field(ask, change, says):
    result = ask({**TOY, **change})
    assert result.exit_code == 2
    assert "in.json" in result.stderr
    assert says in result.stderr


def test_all_faults_come_together(ask):
    result = ask({"gpu_info": {"A": {}}, "workload_distribution": [[2]], "total_request_rate": -1})
    assert len(result.stderr.splitlines()) == 4


@pytest.mark.parametrize(("text", "says"), [("{", "line 1"), ("[]", "not a JSON object"), ('{"a": NaN}', "gpu_info")])
def test_what_is_no_such_file_is_said(ask, text, says):
    result = ask(text)
    assert result.exit_code == 2
    assert says in result.stderr


def test_the_shares_are_csv_and_the_page_is_markdown(ask):
    rows = list(csv.DictReader(ask(TOY, "--format", "csv").stdout.splitlines()))
    expected = json.loads(ask(TOY, "--format", "json").stdout)["shares"]
    assert [{name: str(value) for name, value in share.items()} for share in expected] == rows
    page = ask(TOY, "--format", "markdown").stdout
    assert "**4.6800 USD/h, proven cheapest; no mix costs less than 4.6800**" in page
    assert "| **Total** | **2** |" in page
