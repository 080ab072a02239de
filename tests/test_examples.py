"""Every folder of examples/ is a test with an expected total."""

import json

import pytest

from tests import examples
from tests.golden import how_to_accept


def rounded(value):
    """Costs to a millionth of a dollar: what solvers may differ by."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("folder", examples.folders(), ids=lambda folder: folder.name)
def test_example_gives_its_expected_answer(folder, monkeypatch):
    monkeypatch.chdir(examples.EXAMPLES.parent)
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    assert rounded(examples.summary(examples.run(folder))) == rounded(expected), how_to_accept("examples")


def test_the_examples_that_the_readme_promises_are_there():
    names = {folder.name for folder in examples.folders()}
    assert {
        "conversation-us-east-1",
        "documents-both-clouds",
        "a100-quota",
        "70b-tensor-parallel",
        "paper-toy",
    } <= names
