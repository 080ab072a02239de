"""The cache: what goes in comes out, what is broken is absent with one note, two processes do not hurt each other."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud import catalog
from melange_cloud.catalog import CachedPrices, QueryRecord, read_cache, store
from melange_cloud.catalog.cache import format as cache_format
from melange_cloud.domain import Exclusion, InstanceType
from tests.builders import offer
from tests.questions import NOW

NEW_TYPE = InstanceType("aws", "g9.xlarge", "L4", 1, 4, 16.0, "aws:G")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def priced(usd_per_hour=1.0, name="g6.xlarge", region="us-east-1", purchase="on_demand"):
    machine = catalog.load_instance_types().get(("aws", name), replace(NEW_TYPE, name=name))
    made = offer(usd_per_hour=usd_per_hour, purchase=purchase)
    return replace(made, instance_type=machine, region=region, origin="live", as_of_to=date(2026, 11, 22))


def part(*offers, at=NOW, whole=True, region="us-east-1", purchase="on_demand", excluded=()):
    return CachedPrices(region, purchase, at, whole, offers, tuple(excluded))


def kept(parts, asked=(), now=NOW):
    assert store("aws", parts, asked, now) is None
    return read_cache("aws")


def test_what_goes_in_comes_out_as_cached():
    why = Exclusion("aws", "us-east-1", "p4d.24xlarge", "not offered")
    first = priced(0.8048)
    cached = kept([part(first, priced(2.0, "g9.xlarge"), excluded=[why])], [QueryRecord("*", "spot", NOW, False)])
    (found,) = cached.parts
    assert found.fetched_at == NOW
    assert found.whole
    assert found.excluded == (why,)
    assert found.offers == (replace(first, origin="cached"), replace(priced(2.0, "g9.xlarge"), origin="cached"))
    assert cached.asked == (QueryRecord("*", "spot", NOW, False),)
    assert cached.faults == ()


@given(st.floats(min_value=1e-6, max_value=1e6), st.integers(min_value=0, max_value=10**6))
def test_no_digit_of_a_price_or_a_time_is_lost(usd_per_hour, seconds):
    at = NOW - timedelta(seconds=seconds, microseconds=seconds)
    text = cache_format.as_text("aws", catalog.ProviderCache((part(priced(usd_per_hour), at=at),)))
    (found,) = cache_format.parsed("aws", text, None, None).parts
    assert found.offers[0].usd_per_instance_hour == usd_per_hour
    assert found.fetched_at == at


def test_an_empty_cache_is_no_note(folder):
    assert read_cache("aws") == catalog.ProviderCache()
    assert not folder.exists()


def test_only_what_is_asked_for_is_read():
    store(
        "aws",
        [part(priced()), part(priced(region="eu-west-1"), region="eu-west-1"), part(priced(), purchase="spot")],
        [QueryRecord("*", "on_demand", NOW, True)],
        NOW,
    )
    cached = read_cache("aws", ["on_demand"], ["us-east-1"])
    assert [(one.region, one.purchase) for one in cached.parts] == [("us-east-1", "on_demand")]
    assert len(cached.asked) == 1


def test_files_are_for_their_owner_alone(folder):
    kept([part(priced())])
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_file_that_others_could_read_is_closed_when_it_is_written_again(folder):
    kept([part(priced())])
    (folder / "aws.json").chmod(0o644)
    kept([part(priced(2.0), at=NOW + timedelta(seconds=1))])
    assert (folder / "aws.json").stat().st_mode & 0o777 == 0o600


def test_it_holds_no_secret(folder, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("MELANGE_CLOUD_GCP_API_KEY", "very-secret")
    kept([part(priced())])
    assert all("very-secret" not in file.read_text() for file in folder.iterdir())


def test_each_pair_keeps_its_own_time():
    kept([part(priced(), at=NOW - timedelta(hours=3))])
    cached = kept([part(priced(0.3, purchase="spot"), purchase="spot")])
    assert {one.purchase: one.fetched_at for one in cached.parts} == {
        "on_demand": NOW - timedelta(hours=3),
        "spot": NOW,
    }


def test_a_whole_part_replaces_what_was_there():
    kept([part(priced(), priced(2.0, "g6.2xlarge"), at=NOW - timedelta(hours=3)), part(priced(3.0), whole=False)])
    (found,) = kept([part(priced(4.0))]).parts
    assert [one.usd_per_instance_hour for one in found.offers] == [4.0]


def test_a_part_that_is_not_whole_leaves_the_older_whole_one():
    kept([part(priced(1.0), at=NOW - timedelta(hours=3))])
    parts = kept([part(priced(2.0), whole=False)]).parts
    assert [(one.whole, one.offers[0].usd_per_instance_hour) for one in parts] == [(False, 2.0), (True, 1.0)]


def test_an_older_answer_that_is_written_later_does_not_win():
    kept([part(priced(2.0), at=NOW)], [QueryRecord("us-east-1", "on_demand", NOW, True)])
    earlier = NOW - timedelta(minutes=1)
    cached = kept([part(priced(1.0), at=earlier)], [QueryRecord("us-east-1", "on_demand", earlier, False)])
    assert cached.parts[0].offers[0].usd_per_instance_hour == 2.0
    assert cached.asked[0].at == NOW


def test_a_part_from_the_future_gives_way():
    kept([part(priced(2.0), at=NOW + timedelta(days=9))], [QueryRecord("*", "spot", NOW + timedelta(days=9), True)])
    cached = kept([part(priced(1.0), at=NOW)], [QueryRecord("*", "spot", NOW, True)])
    assert cached.parts[0].offers[0].usd_per_instance_hour == 1.0
    assert cached.asked[0].at == NOW


@pytest.mark.parametrize(
    ("age", "fresh"),
    [(0, True), (3600, True), (3601, False), (-299, True), (-301, False), (-86400, False)],
)
def test_freshness_has_two_ends(age, fresh):
    assert catalog.is_fresh(NOW - timedelta(seconds=age), NOW, timedelta(hours=1)) is fresh


def torn(text):
    return text[: len(text) // 2]


def changed(**changes):
    return lambda text: json.dumps({**json.loads(text), **changes})


def with_price(value):
    def change(text):
        document = json.loads(text)
        document["parts"][0]["offers"][0][2] = value
        return json.dumps(document)

    return change


def with_memory(value):
    def change(text):
        document = json.loads(text)
        document["instance_types"][0][4] = value
        return json.dumps(document)

    return change


def with_time(value):
    def change(text):
        document = json.loads(text)
        document["parts"][0]["fetched_at"] = value
        return json.dumps(document)

    return change


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (torn, "damaged, or not written"),
        (lambda text: "", "damaged, or not written"),
        (lambda text: "[]", "damaged, or not written"),
        (lambda text: text.replace("us-east-1", "\0\0"), "damaged, or not written"),
        (lambda text: "[" * 100_000, "damaged, or not written"),
        (changed(provider="gcp"), "damaged, or not written"),
        (changed(parts=[{"region": "us-east-1"}]), "damaged, or not written"),
        (changed(asked=[["us-east-1", "on_demand"]]), "damaged, or not written"),
        (changed(sources=[]), "damaged, or not written"),
        (with_price(0), "damaged, or not written"),
        (with_price(-1), "damaged, or not written"),
        (with_price("0.8"), "damaged, or not written"),
        (with_price(float("nan")), "damaged, or not written"),
        (with_price(10**400), "damaged, or not written"),
        (with_price(1e308), "damaged, or not written"),
        (with_memory(float("inf")), "damaged, or not written"),
        (with_memory(float("nan")), "damaged, or not written"),
        (with_memory(1e308), "damaged, or not written"),
        (with_memory("16"), "damaged, or not written"),
        (lambda text: text.replace("16.0", "1e999"), "damaged, or not written"),
        (lambda text: text.replace('"format":1', '"format":' + "9" * 5_000), "damaged, or not written"),
        (changed(asked=5), "damaged, or not written"),
        (changed(instance_types={"a": 1}), "damaged, or not written"),
        (changed(sources=[["a"]]), "damaged, or not written"),
        (with_time("0001-01-01T00:00:00+00:00"), "damaged, or not written"),
        (with_time("2026-11-22T12:00:00"), "damaged, or not written"),
        (with_time("yesterday"), "damaged, or not written"),
        (changed(format=0), "another version"),
        (changed(format=2), "another version"),
        (changed(offer_columns=["instance_type"]), "another version"),
    ],
)
def test_a_broken_file_is_absent_with_its_fault_and_is_replaced_by_the_next_write(folder, harm, said):
    file = folder / "aws.json"
    kept([part(priced())], [QueryRecord("us-east-1", "on_demand", NOW, True)])
    file.write_text(harm(file.read_text()))
    broken = read_cache("aws")
    assert (broken.parts, broken.asked) == ((), ())
    (fault,) = broken.faults
    assert said in fault.what
    assert fault.path == file
    assert fault.cure == "run `melange-cloud prices refresh --provider aws` to write it again"
    assert kept([part(priced())]).faults == ()


def test_bytes_that_are_no_text_are_absent_with_a_note(folder):
    folder.mkdir()
    (folder / "aws.json").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8 text" in read_cache("aws").faults[0].what


def test_a_pipe_or_a_device_in_place_of_the_file_is_a_note_at_once(folder):
    folder.mkdir()
    os.mkfifo(folder / "aws.json")
    (folder / "gcp.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "metadata.json")
    for provider in ("aws", "gcp"):
        (fault,) = read_cache(provider).faults
        assert "not a regular file" in fault.what
        assert "melange-cloud prices refresh" in fault.cure
    assert not catalog.metadata_not_there("aws", NOW)
    assert kept([part(priced())]).parts != ()


def test_a_folder_in_the_way_is_a_note(folder):
    (folder / "aws.json").mkdir(parents=True)
    assert "cannot be read" in read_cache("aws").faults[0].what
    unkept = store("aws", [part(priced())], [], NOW)
    assert "not saved" in unkept.what


def test_a_folder_that_cannot_be_made_is_a_note(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(tmp_path / "file" / "cache"))
    unkept = store("aws", [part(priced())], [], NOW)
    assert "cannot be written" in unkept.what
    assert "MELANGE_CLOUD_CACHE_DIR" in unkept.cure
    catalog.remember_metadata({"aws": False}, NOW)
    assert not catalog.metadata_not_there("aws", NOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_a_note(folder):
    folder.mkdir(mode=0o500)
    unkept = store("aws", [part(priced())], [], NOW)
    assert "not saved" in unkept.what


def test_a_full_disk_is_a_note_and_leaves_the_old_file_whole(folder):
    kept([part(priced(1.0))])
    before = (folder / "aws.json").read_text()
    code = textwrap.dedent(
        """
        import resource
        from tests.catalog.test_cache import *
        many = [priced(2.0, f"g9.{n}xlarge") for n in range(500)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        print(store("aws", [part(*many, at=NOW + timedelta(minutes=1))], [], NOW))
        """
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot be written" in ran.stdout
    assert "not saved" in ran.stdout
    assert (folder / "aws.json").read_text() == before
    assert not [file.name for file in folder.iterdir() if file.name.startswith(".")]


def test_two_processes_that_write_at_once_lose_nothing():
    code = textwrap.dedent(
        """
        import sys
        from melange_cloud.catalog.cache import store as cache_store
        from tests.catalog.test_cache import *
        cache_store._LOCK_WAIT_S = 600
        region = sys.argv[1]
        for n in range(25):
            at = NOW + timedelta(seconds=n)
            assert store("aws", [part(priced(n + 1.0, region=region), region=region, at=at)], [], at) is None
            assert read_cache("aws").faults == ()
        """
    )
    regions = ["us-east-1", "eu-west-1", "ap-south-1"]
    running = [subprocess.Popen([sys.executable, "-c", code, region]) for region in regions]
    assert [one.wait(600) for one in running] == [0, 0, 0]
    found = {one.region: one.offers[0].usd_per_instance_hour for one in read_cache("aws").parts}
    assert found == dict.fromkeys(regions, 25.0)


def test_a_lock_that_is_held_is_waited_for_and_then_a_note(folder, monkeypatch):
    from filelock import FileLock

    from melange_cloud.catalog.cache import store as cache_store

    monkeypatch.setattr(cache_store, "_LOCK_WAIT_S", 0.1)
    folder.mkdir()
    with FileLock(folder / "lock"):
        unkept = cache_store.store("aws", [part(priced())], [], NOW)
    assert "locked by another" in unkept.what


def test_the_last_prices_of_each_day_are_kept():
    kept([part(priced(1.0), at=NOW)])
    kept([part(priced(2.0), at=NOW + timedelta(hours=1))], now=NOW + timedelta(hours=1))
    tomorrow = NOW + timedelta(days=1)
    kept([part(priced(3.0), at=tomorrow)], now=tomorrow)

    def on(day):
        parts = read_cache("aws", on=day).parts
        return parts[0].offers[0].usd_per_instance_hour if parts else None

    assert catalog.kept_days("aws") == (date(2026, 11, 22), date(2026, 11, 23))
    assert on(date(2026, 11, 21)) is None
    assert on(date(2026, 11, 22)) == 2.0
    assert on(date(2026, 11, 30)) == 3.0
    later = NOW + timedelta(days=91)
    kept([part(priced(4.0), at=later)], now=later)
    assert catalog.kept_days("aws") == (date(2026, 11, 23), date(2027, 2, 21))


def test_a_metadata_server_that_is_not_there_is_remembered_for_a_day():
    catalog.remember_metadata({"aws": False, "gcp": True}, NOW)
    assert catalog.metadata_not_there("aws", NOW + timedelta(hours=23))
    assert not catalog.metadata_not_there("aws", NOW + timedelta(hours=25))
    assert not catalog.metadata_not_there("gcp", NOW)
    catalog.remember_metadata({"aws": True}, NOW)
    assert not catalog.metadata_not_there("aws", NOW)


def test_what_another_machine_remembers_is_not_ours(folder):
    catalog.remember_metadata({"aws": False}, NOW)
    file = folder / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "machine": "another"}))
    assert not catalog.metadata_not_there("aws", NOW)


def test_the_folder_is_the_users_own_unless_named(monkeypatch):
    monkeypatch.delenv("MELANGE_CLOUD_CACHE_DIR")
    assert "melange-cloud" in str(catalog.cache_folder())
