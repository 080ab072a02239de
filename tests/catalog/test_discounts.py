"""``[[discount]]``: which offers it is for, what is paid, and every way to write it wrongly."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud import settings
from melange_cloud.catalog import load_discounts, load_snapshot, with_discounts
from melange_cloud.errors import BadFile
from tests.builders import offer


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MELANGE_CLOUD_CONFIG", raising=False)

    def into(text):
        (tmp_path / "melange-cloud.toml").write_text(text)

    return into


@pytest.fixture
def net(write):
    """The offer's net price under the discounts that the text writes."""

    def price(text, one):
        write(text)
        (found,) = with_discounts([one], load_discounts())
        assert found.list_usd_per_instance_hour == one.list_usd_per_instance_hour
        assert replace(found, usd_per_instance_hour=one.usd_per_instance_hour) == one
        return found.usd_per_instance_hour

    return price


def test_no_file_is_no_discount(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MELANGE_CLOUD_CONFIG", raising=False)
    assert load_discounts() == ()


def test_percent_off_the_list_price(net):
    assert net("[[discount]]\npercent = 12.5", offer("g5.xlarge", usd_per_hour=2.0)) == 1.75


def test_a_price_of_ones_own(net):
    assert net('[[discount]]\nfamily = "g5.xlarge"\nusd_per_hour = 1.23', offer("g5.xlarge", usd_per_hour=2.0)) == 1.23


@pytest.mark.parametrize(
    ("family", "matched"),
    [
        ("p5", {"p5.48xlarge", "p5.4xlarge"}),
        ("p5*", {"p5.48xlarge", "p5.4xlarge", "p5en.48xlarge"}),
        ("p5.48xlarge", {"p5.48xlarge"}),
        ("a2", {"a2-highgpu-1g", "a2-ultragpu-1g"}),
        ("a2-highgpu", {"a2-highgpu-1g"}),
        ("a2-*-1g", {"a2-highgpu-1g", "a2-ultragpu-1g"}),
        ("g?", {"g5.xlarge"}),
    ],
)
def test_a_family_is_the_beginning_of_a_name_or_a_glob(net, family, matched):
    names = ["p5.48xlarge", "p5.4xlarge", "p5en.48xlarge", "a2-highgpu-1g", "a2-ultragpu-1g", "g5.xlarge"]
    text = f'[[discount]]\nfamily = "{family}"\npercent = 50'
    assert {name for name in names if net(text, offer(name, usd_per_hour=2.0)) == 1.0} == matched


@pytest.mark.parametrize(
    ("where", "price"),
    [
        ('provider = "aws"', 1.0),
        ('provider = "gcp"', 2.0),
        ('region = "us-*"', 1.0),
        ('region = "us-east-1"', 1.0),
        ('region = "eu-*"', 2.0),
        ('purchase = "on_demand"', 1.0),
        ('purchase = "spot"', 2.0),
        ('provider = "aws"\nregion = "us-*"\npurchase = "spot"', 2.0),
    ],
)
def test_all_that_is_said_must_match(net, where, price):
    assert net(f"[[discount]]\n{where}\npercent = 50", offer("g5.xlarge", usd_per_hour=2.0)) == price


def test_the_last_that_matches_counts_alone(net):
    text = '[[discount]]\npercent = 10\n[[discount]]\nfamily = "g5"\npercent = 50\n[[discount]]\nfamily="p5"\npercent=9'
    assert net(text, offer("g5.xlarge", usd_per_hour=2.0)) == 1.0


def test_a_users_own_price_is_net_already(net):
    assert net("[[discount]]\npercent = 50", replace(offer("g5.xlarge", usd_per_hour=2.0), origin="user")) == 2.0


@given(st.floats(min_value=0, max_value=99.9))
def test_percent_never_makes_a_price_free_or_higher(percent):
    from pathlib import Path

    from melange_cloud.catalog import Discount

    offers = load_snapshot("on_demand").offers[::50]
    for before, after in zip(offers, with_discounts(offers, [Discount(Path(), 1, percent=percent)]), strict=True):
        assert 0 < after.usd_per_instance_hour <= before.usd_per_instance_hour


def test_a_price_for_a_whole_family_of_sizes_is_refused(net):
    text = '[[discount]]\npercent = 1\n[[discount]]\nfamily = "p5"\nusd_per_hour = 6'
    with pytest.raises(BadFile, match=r"\[\[discount\]\] 2, usd_per_hour: 6 is five times off .* p5\.48xlarge"):
        net(text, offer("p5.48xlarge", usd_per_hour=55.04))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[discount]]\npercent = "12"', "[[discount]] 1, percent: is '12': must be a number"),
        ("[[discount]]\npercent = true", "is True: must be a number"),
        ("[[discount]]\npercent = nan", "is nan: must be a number"),
        ("[[discount]]\npercent = 101", "percent: is 101: must be at least 0 and below 100"),
        ("[[discount]]\npercent = 100", "must be at least 0 and below 100"),
        ("[[discount]]\npercent = -3", "percent: is -3: must be at least 0 and below 100"),
        ("[[discount]]\nusd_per_hour = 0", "usd_per_hour: is 0: must be above zero"),
        ("[[discount]]\nusd_per_hour = inf", "is inf: must be a number"),
        ("[[discount]]\npercent = 1\nusd_per_hour = 1", "give either percent or usd_per_hour"),
        ("[[discount]]\n", "give either percent or usd_per_hour"),
        ("[[discount]]\npercents = 1", "unknown key: did you mean percent?"),
        ('[[discount]]\npercent = 1\nprovider = "asw"', "unknown provider 'asw': did you mean aws?"),
        ('[[discount]]\npercent = 1\npurchase = "on-demnd"', "did you mean on_demand"),
        ('[[discount]]\npercent = 1\nregion = "us-east1-1"', "no region matches 'us-east1-1': did you mean"),
        ('[[discount]]\npercent = 1\nfamily = "g55"', "no instance type belongs to family 'g55'"),
        ('[[discount]]\npercent = 1\nprovider = "gcp"\nfamily = "p5"', "no instance type belongs to family 'p5'"),
        ("[[discount]]\npercent = 1\nfamily = 5", "family: is 5: must be a string"),
        ("[discount]\npercent = 1", "write [[discount]] above each"),
        ("discount = 12", "write [[discount]] above each"),
        ("[[discount]\n", "not TOML"),
    ],
)
def test_what_cannot_be_right_is_refused_with_the_cure(write, text, said):
    write(text)
    with pytest.raises(BadFile) as found:
        load_discounts()
    assert said in str(found.value)
    assert "melange-cloud.toml" in str(found.value)


def test_all_faults_are_reported_together(write):
    write("[[discount]]\npercent = 200\n[[discount]]\nusd_per_hour = -1\n[[discount]]\nregion='x'\npercent=5")
    with pytest.raises(BadFile) as found:
        load_discounts()
    assert len(found.value.faults) == 3


def test_the_other_tables_are_still_read(write, tmp_path):
    write('[plan]\nregion = "us-east-1"\n[[discount]]\npercent = 1')
    read = settings.read_settings(tmp_path / "melange-cloud.toml", {"plan": ["region"]})
    assert read == {"plan": {"region": "us-east-1"}}
    assert len(load_discounts()) == 1


def test_an_unknown_table_names_the_known_ones(write, tmp_path):
    write("[discounts]\npercent = 1")
    with pytest.raises(BadFile, match=r"\[plan\], \[\[discount\]\]"):
        settings.read_settings(tmp_path / "melange-cloud.toml", {"plan": ["region"]})
