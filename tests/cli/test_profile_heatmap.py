import csv
import json
import subprocess
import sys
from io import StringIO

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests import examples, pictures
from tests.clouds.loopback import Loopback
from tests.golden import how_to_accept
from tests.live import both_clouds, machine_of_its_own, point_at

HEAT_MAP = ("profiles", "heatmap", "--region", "us-east-1")


def test_the_page_fits_its_terminal_and_says_where_its_prices_are_from(run):
    result = run(*HEAT_MAP, COLUMNS="80", NO_COLOR="1")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout
    assert "SNAPSHOT PRICES, NOT LIVE" in result.stdout
    assert "GPUs that may be the best, the best estimate first" in result.stdout
    assert "The worst GPU, and what a token costs on it" in result.stdout


def test_two_gpus_one_against_the_other_in_every_form(run):
    page = run(*HEAT_MAP, "--gpu", "A10G", "--gpu", "A100-80GB", "--tpot-ms", "inf")
    assert "A10G against A100-80GB" in page.stdout
    assert "no latency target (saturation)" in page.stdout
    document = run.json(*HEAT_MAP, "--gpu", "A10G", "--gpu", "A100-80GB", "--tpot-ms", "inf")
    assert document["gpus"] == ["A10G", "A100-80GB"]
    assert document["tpot_ms"] is None
    table = run(*HEAT_MAP, "--gpu", "A10G", "--gpu", "A100-80GB", "--tpot-ms", "inf", "--format", "csv")
    rows = list(csv.DictReader(StringIO(table.stdout)))
    assert len(rows) == sum(len(cell["ranked"]) + len(cell["refused"]) for cell in document["cells"])
    first = document["cells"][0]["ranked"][0]
    assert float(rows[0]["tokens_per_s_per_usd_per_hour"]) == first["tokens_per_s_per_usd_per_hour"]
    assert "SNAPSHOT PRICES" in table.stderr


def test_one_size_over_targets(run):
    document = run.json(
        *HEAT_MAP, "--size", "64x64", "--over", "tpot", "--tpot-ms", "80", "--tpot-ms", "40", "--gpu", "L4"
    )
    assert [cell["tpot_ms"] for cell in document["cells"]] == [40, 80]
    assert document["over"] == "tpot"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--size", "64x64"), 2, "add --over tpot"),
        (("--over", "tpot"), 2, "needs a --size"),
        (("--over", "tpot", "--size", "64"), 2, "--size 64: give INPUTxOUTPUT"),
        (("--over", "tpot", "--size", "0x64"), 2, "0 input tokens"),
        (("--tpot-ms", "40", "--tpot-ms", "80"), 2, "need --over tpot"),
        (("--tpot-ms", "-5"), 2, "--tpot-ms -5"),
        (("--gpu", "B200"), 2, "--gpu B200"),
        (("--max-age", "soon"), 2, "--max-age soon"),
        (("--offline", "--refresh"), 2, "contradict"),
        (("--offline", "--require-fresh"), 5, "--require-fresh"),
        (("--prices", "not-there.csv"), 2, "not-there.csv"),
        (("--out", "no/such/folder.svg"), 1, "cannot be written"),
        (("--out", "map.pdf"), 2, "pictures are .png or .svg"),
        (("--out", "map.svg", "--format", "csv"), 2, "drop one of the two"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_code(run, arguments, code, says):
    if "--out" in arguments:
        pytest.importorskip("matplotlib")
    result = run(*HEAT_MAP, *arguments)
    assert result.exit_code == code
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["map.svg", "map.PNG"])
def test_a_picture_is_the_same_bytes_every_time(run, tmp_path, name):
    pytest.importorskip("matplotlib")
    out = tmp_path / name
    bytes_of = []
    for _ in range(2):
        result = run(*HEAT_MAP, "--out", str(out), "--force")
        assert result.exit_code == 0, result.output
        assert result.stdout == ""
        assert f"wrote {out}" in result.stderr
        assert "SNAPSHOT PRICES" in result.stderr
        bytes_of.append(out.read_bytes())
    assert bytes_of[0] == bytes_of[1]


def test_a_picture_without_matplotlib_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run(*HEAT_MAP, "--out", str(tmp_path / "map.svg"))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "melange-cloud: pictures need matplotlib, which is not installed: pip install 'melange-cloud[plots]'"
    ]
    assert run(*HEAT_MAP).exit_code == 0


def test_the_kept_picture_shows_what_is_drawn_now(tmp_path):
    pytest.importorskip("matplotlib")
    pictures.heat_map(tmp_path / "map.svg")
    drawn = pictures.texts((tmp_path / "map.svg").read_text(encoding="utf-8"))
    kept = pictures.texts(pictures.HEAT_MAP.read_text(encoding="utf-8"))
    assert drawn == kept, how_to_accept("pictures")
    assert "Which GPU serves the most tokens for a dollar" in kept


def test_the_pictures_numbers_are_those_of_the_json(run):
    pytest.importorskip("matplotlib")
    texts = pictures.texts(pictures.HEAT_MAP.read_text(encoding="utf-8"))
    document = run.json(*HEAT_MAP)
    letters = {"L4": "L", "A10G": "G", "A100-40GB": "F", "A100-80GB": "E", "H100": "H"}
    undecided = [cell for cell in document["cells"] if len(cell["contenders"]) > 1]
    assert len(undecided) > len(document["cells"]) / 2
    for cell in undecided:
        assert " ".join(letters[gpu] for gpu in cell["contenders"]) in texts
        best, worst = (one["tokens_per_s_per_usd_per_hour"] for one in (cell["ranked"][0], cell["ranked"][-1]))
        if cell["ranked"][-1]["gpu"] in cell["contenders"]:
            assert "any" in texts
        else:
            assert f"{letters[cell['ranked'][-1]['gpu']]} {best / worst:.1f}×" in texts


def test_help_has_an_example(run):
    shown = run("profiles", "heatmap", "--help").stdout
    assert "melange-cloud profiles heatmap --region us-east-1" in " ".join(shown.split())


def test_output_written_to_a_file_is_what_is_printed(run, tmp_path):
    out = tmp_path / "map.json"
    run(*HEAT_MAP, "--format", "json", "--out", str(out))
    assert json.loads(out.read_text()) == run.json(*HEAT_MAP)
    assert examples.summary(run.json(*HEAT_MAP))


def test_live_prices_are_asked_for_as_a_plan_does(monkeypatch, tmp_path):
    with machine_of_its_own(monkeypatch, tmp_path), Loopback(both_clouds()) as server:
        point_at(server, monkeypatch)
        asked = []
        for _ in range(2):
            shown = CliRunner().invoke(app, [*HEAT_MAP, "--gpu", "A10G", "--format", "json"])
            assert shown.exit_code == 0, shown.output
            document = json.loads(shown.stdout)
            asked.append(({price["price_origin"] for price in document["prices"]}, len(server.requests)))
            assert not any("SNAPSHOT" in notice for notice in document["notices"])
    assert asked[0][0] == {"live"}
    assert asked[1] == ({"cached"}, asked[0][1])


def test_a_page_imports_no_plotting_library():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from melange_cloud.cli.app import app\n"
        "assert CliRunner().invoke(app, ['profiles', 'heatmap', '--offline']).exit_code == 0\n"
        "print('matplotlib' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
