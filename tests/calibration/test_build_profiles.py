from pathlib import Path

import pytest

from melange_cloud.calibration.build_profiles import (
    differences,
    different_estimates,
    estimates,
    fingerprints,
    write,
)
from melange_cloud.errors import BadInput
from melange_cloud.profiles import check_profile_file, load_profiles, read_profile_file
from melange_cloud.profiles.estimates.listed_sizes import INPUT_TOKENS, OUTPUT_TOKENS, grid
from melange_cloud.profiles.library import estimated_profile
from melange_cloud.shipped import shipped


def test_the_shipped_estimates_are_those_of_the_fingerprints() -> None:
    """Computed here, whatever the machine: the same numbers to the last digit."""
    assert different_estimates(fingerprints(), shipped("profiles")) == [], "run `melange-cloud maintain build`"


def test_a_saved_estimate_is_a_sound_profile_file_that_answers_as_the_computed_one(tmp_path: Path) -> None:
    table = next(table for table in estimates(["llama-2-7b"]) if table.header.gpu == "A10G")
    path = tmp_path / "A10G.csv"
    path.write_text(table.text)
    check_profile_file(path)
    file = read_profile_file(path)
    for kind in table.replicas:
        assert file.sizes(kind) == table.sizes(kind)
        for size in table.sizes(kind):
            assert file.points(kind, size) == table.points(kind, size)
            assert file.rates(kind, size) == table.rates(kind, size)


def test_every_shipped_rate_rises_with_concurrency_and_every_tpot_respects_the_weights() -> None:
    for model, precision in (("llama-3.1-8b", "bf16"), ("llama-3.1-70b", "fp8"), ("llama-2-7b", "fp16")):
        for kind in load_profiles(model, precision)[0]:
            profile = estimated_profile(model, precision, "2025", kind)
            assert profile is not None
            assert profile.weight_read_ms is not None
            for points in profile.points.values():
                rates = [point.requests_per_s for point in points]
                assert rates == sorted(rates)
                assert all(point.tpot_ms >= profile.weight_read_ms for point in points)
                assert all(point.concurrency <= profile.max_num_seqs for point in points)


def test_differences_name_the_files(tmp_path: Path) -> None:
    texts = {Path("a/b.csv"): "1\n", Path("a/c.csv"): "2\n"}
    write(texts, tmp_path)
    assert differences(texts, tmp_path) == []
    (tmp_path / "a/b.csv").write_text("1\r\n")
    (tmp_path / "a/c.csv").unlink()
    (tmp_path / "a/d.csv").write_text("")
    assert differences(texts, tmp_path) == [
        "a/b.csv: differs",
        "a/c.csv: is missing",
        "a/d.csv: is not made from the measurements",
    ]


def test_writing_leaves_other_files_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("x")
    write({Path("a.csv"): "1\n"}, tmp_path)
    assert mine.read_text() == "x"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file, no folder")
    with pytest.raises(BadInput, match=r"choose another --output$"):
        write({Path("a/b.csv"): "1\n"}, tmp_path)


@pytest.mark.parametrize("limit", [4096, 12_572, 18_000, 27_381, 131_072])
def test_the_grid_reaches_its_limit_and_not_beyond(limit: int) -> None:
    sizes = grid(limit)
    assert sizes == sorted(set(sizes))
    assert all(input_tokens + output_tokens <= limit for input_tokens, output_tokens in sizes)
    assert max(input_tokens + output_tokens for input_tokens, output_tokens in sizes) > limit - 10
    for size in ((i, o) for i in INPUT_TOKENS for o in OUTPUT_TOKENS if i + o <= limit):
        assert size in sizes


def test_answers_reach_the_context() -> None:
    sizes = grid(131_072)
    assert {8192, 16_384, 32_768, 65_536} <= {output_tokens for _, output_tokens in sizes}
    longest = {o: max(i for i, other in sizes if other == o) for _, o in sizes}
    assert all(
        input_tokens + output_tokens == 131_070
        for output_tokens, input_tokens in longest.items()
        if output_tokens > 4096
    )
    assert longest[131_045] == 25


def test_the_sizes_with_shorter_answers_are_the_old_ones() -> None:
    """Written down by hand: 16 inputs, and those that reach 131,070 with one of the 7 outputs."""
    inputs = (25, 100, 250, 500, 1000, 2000, 4000, 6000, 8000, 12000, 16000, 24000, 32000, 48000, 64000, 96000)
    ends = (131_045, 130_970, 130_820, 130_570, 130_070, 129_070, 126_974)
    outputs = (25, 100, 250, 500, 1000, 2000, 4096)
    old = {(i, o) for i in (*inputs, *ends) for o in outputs if i + o <= 131_070}
    assert {size for size in grid(131_072) if size[1] <= 4096} == old
