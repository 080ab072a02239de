"""Names, globs and ``all``; the confusions that people meet."""

import pytest

from melange_cloud.catalog import load_regions, load_snapshot, named_among, select_regions, with_sheet_regions
from melange_cloud.domain import InstanceType, Offer, Region
from melange_cloud.errors import BadInput

REGIONS = load_regions()
PRICED = load_snapshot("on_demand").priced_regions

ADD_ONE = "a plug-in can add one: see examples/plug-in-cloud"


def names(*patterns: str, provider: str | None = None, priced: frozenset[tuple[str, str]] | None = None) -> list[str]:
    return [region.name for region in select_regions(patterns, provider, REGIONS, priced)]


def refusal(*patterns: str, provider: str | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        select_regions(patterns, provider, REGIONS)
    return str(caught.value)


def test_a_name() -> None:
    assert names("us-east-1") == ["us-east-1"]
    assert names(" US-East-1 ") == ["us-east-1"]
    assert names("aws:us-east-1") == ["us-east-1"]


def test_several_are_sorted_by_provider_and_name_and_come_once() -> None:
    assert names("us-west1", "us-west-2", "us-east-1", "us-west-*") == [
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "us-west1",
    ]


def test_globs() -> None:
    assert names("eu-central-?") == ["eu-central-1", "eu-central-2"]
    assert names("EU-SOUTH-*") == ["eu-south-1", "eu-south-2"]
    assert names("gcp:us-east*") == ["us-east1", "us-east4", "us-east5"]
    assert names("us-east*", provider="gcp") == ["us-east1", "us-east4", "us-east5"]
    assert "us-east-1" in names("us-east*")


def test_all_is_every_region_but_govcloud() -> None:
    everything = names("all")
    assert len(everything) == len(REGIONS) - 2
    assert not [name for name in everything if name.startswith("us-gov")]
    assert set(names("aws:all") + names("gcp:all")) == set(everything)
    assert names("all", provider="gcp") == names("gcp:all") == names("gcp:*")


def test_govcloud_must_be_named() -> None:
    assert not [name for name in names("us-*") if name.startswith("us-gov")]
    assert names("us-gov-*") == ["us-gov-east-1", "us-gov-west-1"]
    assert names("us-gov-west-1") == ["us-gov-west-1"]
    assert names("aws:us-gov*", "us-east-1") == ["us-east-1", "us-gov-east-1", "us-gov-west-1"]
    assert refusal("*gov*") == "'*gov*' matches only GovCloud regions: name them (us-gov-east-1, us-gov-west-1)"


def test_all_and_globs_prefer_regions_with_prices() -> None:
    assert len(names("all", priced=PRICED)) == 48
    assert "eu-south-1" not in names("eu-*", priced=PRICED)
    assert names("southamerica-*", priced=PRICED) == ["southamerica-east1", "southamerica-west1"]
    assert names("eu-south-1", priced=PRICED) == ["eu-south-1"]


def test_close_matches_say_whose_they_are() -> None:
    message = refusal("us-east-11")
    assert message.startswith("unknown region 'us-east-11': did you mean us-east-1 (aws, US East (N. Virginia))")
    assert "us-east1 (gcp, South Carolina)" in message


@pytest.mark.parametrize(
    ("pattern", "provider", "cure"),
    [
        ("us-east1", "aws", "us-east1 is a region of gcp, not of aws: did you mean us-east-1 (aws, "),
        ("us-east-1", "gcp", "us-east-1 is a region of aws, not of gcp: did you mean us-east1 (gcp, "),
        ("gcp:us-east-1", None, "us-east-1 is a region of aws, not of gcp: did you mean us-east1 (gcp, "),
        ("us-central-1", None, "unknown region 'us-central-1': did you mean us-central1 (gcp, Iowa)"),
        ("me-central-2", None, "unknown region 'me-central-2': did you mean me-central2 (gcp, Dammam)"),
        ("Frankfurt", None, "eu-central-1 (aws, Europe (Frankfurt)) or europe-west3 (gcp, Frankfurt)?"),
        ("us-east-1a", None, "us-east-1a is a zone, but prices are by region: use us-east-1"),
        ("us-central1-a", None, "us-central1-a is a zone, but prices are by region: use us-central1"),
        ("us-west-2-lax-1", None, "us-west-2-lax-1 is a local zone, with prices of its own; use its region"),
        ("mars-*", None, "no region matches 'mars-*': "),
        ("eu-wst-*", None, "eu-west-1 (aws, Europe (Ireland))"),
        (
            "azure:eastus",
            None,
            f"region 'azure:eastus', cloud 'azure': not supported; known are aws and gcp; {ADD_ONE}",
        ),
        ("aws:us-east-1", "gcp", "region 'aws:us-east-1' is one of aws, but the provider is gcp"),
        ("", None, "--region '': give at least one name"),
    ],
)
def test_what_selects_nothing_is_refused_with_a_cure(pattern: str, provider: str | None, cure: str) -> None:
    message = refusal(pattern, provider=provider)
    assert cure in message
    assert "\n" not in message


def test_every_wrong_pattern_is_named_at_once() -> None:
    message = refusal("us-east-1", "nowhere", "mars-*", "nowhere")
    assert [line.split(":")[0] for line in message.splitlines()] == [
        "unknown region 'nowhere'",
        "no region matches 'mars-*'",
    ]


def test_no_region_and_no_such_provider_are_refused() -> None:
    assert refusal() == "no region given: use a name, a glob or 'all'"
    assert refusal("all", provider="azure") == f"--provider azure: not supported; known are aws and gcp; {ADD_ONE}"


def test_a_users_region_is_accepted_and_can_be_selected() -> None:
    shape = InstanceType("aws", "g6.xlarge", "L4", 1, 4, 16.0, "aws:G")
    day = load_snapshot("on_demand").offers[0].as_of_to
    mine = Offer(shape, "moon-1", "on_demand", "on_demand", 1.0, 1.0, "user", "mine.csv", day, day)
    ours = Offer(shape, "us-east-1", "on_demand", "on_demand", 1.0, 1.0, "user", "mine.csv", day, day)
    regions = with_sheet_regions(REGIONS, [mine, ours])
    assert set(regions) - set(REGIONS) == {Region("aws", "moon-1", "-")}
    assert select_regions(["moon-*"], None, regions) == (Region("aws", "moon-1", "-"),)


def test_regions_may_be_written_as_answers_print_them_and_in_lists() -> None:
    assert names("aws us-east-1", "google cloud us-central1", "AMAZON/us-west-2") == [
        "us-east-1",
        "us-west-2",
        "us-central1",
    ]
    assert names("us-east-1, us-west-2,gcp:us-east1") == ["us-east-1", "us-west-2", "us-east1"]
    assert names("all", provider="Google") == names("gcp:all")
    found = named_among(["US-EAST-1,gcp us-east1", "eu-*"], REGIONS)
    assert [region.name for region in found] == ["us-east-1", "us-east1"]
