"""Did you mean: one place, one wording."""

import ast
from pathlib import Path

import melange_cloud
from melange_cloud.inputs.suggestions import close_matches, closest, closest_of_family, did_you_mean


def test_words_are_compared_whatever_their_case() -> None:
    assert closest("a10", ["L4", "A10G", "H100"]) == ["A10G"]
    assert close_matches("h10", ["L4", "A10G", "H100"]) == "did you mean H100?"


def test_at_most_so_many_are_suggested_and_the_closest_comes_first() -> None:
    known = ["g5.xlarge", "g5.2xlarge", "g5.4xlarge", "g5.8xlarge", "p5.48xlarge"]
    assert closest("g5.2xlrge", known)[0] == "g5.2xlarge"
    assert len(closest("g5.xxlarge", known)) == 3
    assert len(closest("g5.xxlarge", known, 2)) == 2
    assert did_you_mean(closest("g5.2xlrge", known, 1)) == "did you mean g5.2xlarge?"


def test_instance_types_are_suggested_of_the_same_family_alone() -> None:
    known = ["p5.48xlarge", "p5.4xlarge", "g6.xlarge", "a2-highgpu-8g"]
    assert closest_of_family("p5.48xlrge", known) == ["p5.48xlarge", "p5.4xlarge"]
    assert closest_of_family("A2-hihgpu-8g", known) == ["a2-highgpu-8g"]
    for other in ("p5e.48xlarge", "p6.48xlarge", "g6e.xlarge", "a3-highgpu-8g"):  # H200, B200, L40S, H100
        assert closest_of_family(other, known) == []


def test_where_nothing_is_close_all_are_listed() -> None:
    assert close_matches("zzz", ["spot", "on_demand"]) == "there are on_demand, spot"
    assert did_you_mean([]) == ""


def test_a_word_of_any_length_takes_no_time() -> None:
    assert closest("a" * 10**7, ["a" * 99]) == []


def test_no_other_module_compares_spellings() -> None:
    folder = Path(melange_cloud.__file__).parent
    users = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(name.name == "difflib" for name in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "difflib")
    }
    assert users == {"inputs/suggestions.py"}
