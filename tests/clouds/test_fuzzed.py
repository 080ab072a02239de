import pytest

from tests.clouds.fuzzed import READERS, fuzz


@pytest.mark.parametrize("name", READERS)
def test_mutated_answers_are_read_or_refused(name):
    refused = fuzz(name, 200)
    assert 10 < refused < 200  # both happen, or nothing is tried
