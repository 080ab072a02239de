"""The user's folder: what is saved there outranks what is shipped, and contradictions are kept and told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from melange_cloud.domain import Kind, MaxTput, Slo, UnservableSize
from melange_cloud.errors import BadFile, BadInput
from melange_cloud.profiles import check_profile_file, load_profiles, read_profile_file
from melange_cloud.profiles.attribution.attribute import attribute
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers import read_runs
from melange_cloud.profiles.run_points import contradiction, is_saturated, points_of, rejection
from melange_cloud.profiles.user_profiles import own_folder, own_profiles, plain_name, save_runs

FILES = Path(__file__).parent / "benchmark_files"
SWEEP = read_runs(FILES / "vllm_sweep.jsonl")
KIND = Kind("A10G", 1)
MEASURED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's folder; not there yet."""
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    return tmp_path / "own"


def save(
    runs: list[BenchmarkRun], model: str = "llama-3.1-8b", now: datetime = MEASURED_AT, precision: str = "bf16"
) -> Path:
    return save_runs(runs, gpu="A10G", tensor_parallel=1, model=model, precision=precision, era="2025", now=now)


def served(size: tuple[float, float] = (250, 200), tpot_ms: float = 100, model: str = "llama-3.1-8b") -> MaxTput:
    answer = load_profiles(model, gpus=["A10G"])[0][KIND].max_tput(*size, Slo(tpot_ms))
    assert isinstance(answer, MaxTput)
    return answer


def slower(runs: list[BenchmarkRun], factor: float, day: date | None = date(2026, 3, 5)) -> list[BenchmarkRun]:
    return [
        replace(run, tpot_ms=(run.tpot_ms or 0) * factor, measured_on=day, source=f"later {run.source}") for run in runs
    ]


def test_a_saved_profile_is_one_file_in_the_profile_format(folder: Path) -> None:
    path = save(SWEEP)
    assert path.parent == folder / "2025" / "llama-3.1-8b" / "bf16" / "A10G"
    check_profile_file(path)
    file = read_profile_file(path)
    points = file.points(KIND, (250, 200))
    assert [point.requests_per_s for point in points] == [0.49, 0.97, 1.9, 2.6]
    assert points == tuple(points_of(SWEEP))
    assert {point.measured_on for point in points} == {date(2026, 3, 1)}
    assert points[0].source == "vllm bench serve vllm_sweep.jsonl; line 1"
    assert (file.header.saved, file.header.engine) == ("2026-03-02T12:00:00Z", "vllm")


def test_it_outranks_the_shipped_one_where_it_was_measured() -> None:
    before, far = served(), served((4000, 1000))
    save(SWEEP)
    after = served()
    assert before.origin == "estimated"
    assert (after.origin, after.grade, after.error, after.limited_by) == ("measured", "A", 0.1, "tpot")
    assert after.requests_per_s == pytest.approx(1.9 + (100 - 88) / (141 - 88) * 0.7)
    assert served((4000, 1000)) == far


def test_rates_asked_for_one_after_another_make_one_curve_also_over_files() -> None:
    save(SWEEP[:2])
    save(SWEEP[2:])
    assert served().requests_per_s == pytest.approx(1.9 + (100 - 88) / (141 - 88) * 0.7)
    assert load_profiles("llama-3.1-8b", gpus=["A10G"])[0][KIND].notes == ()


def test_the_same_import_twice_is_one_file() -> None:
    assert save(SWEEP) == save(SWEEP, now=datetime(2026, 4, 1, tzinfo=UTC))
    assert len(list(own_profiles())) == 1


def test_of_two_that_contradict_each_other_both_are_kept_and_the_newer_counts() -> None:
    older = save(SWEEP)
    newer = save(slower(SWEEP, 1.5))
    assert older.is_file()
    assert newer.is_file()
    profile = load_profiles("llama-3.1-8b", gpus=["A10G"])[0][KIND]
    assert served().requests_per_s == pytest.approx(0.97 + (100 - 78) / (132 - 78) * 0.93)
    assert len(profile.notes) == 1
    for word in (newer.name, older.name, "contradicts", "250 + 200", "is used"):
        assert word in profile.notes[0]


def test_the_day_of_the_measurement_decides_not_the_order_of_the_imports() -> None:
    save(slower(SWEEP, 1.5, date(2026, 3, 5)))
    save(SWEEP, now=datetime(2026, 5, 1, tzinfo=UTC))
    assert served().requests_per_s == pytest.approx(0.97 + (100 - 78) / (132 - 78) * 0.93)


def test_contradiction_needs_the_same_load() -> None:
    points = points_of(SWEEP)
    assert contradiction(points, points) == ""
    assert contradiction(points, points_of(slower(SWEEP, 1.15))) == ""
    assert "ms TPOT" in contradiction(points, points_of(slower(SWEEP, 1.3)))
    low, high = points[:1], points[3:]
    assert contradiction(low, high) == ""


def test_saturation_is_a_rate_that_no_longer_grows() -> None:
    points = points_of(SWEEP)
    assert not is_saturated(points)
    assert not is_saturated(points[:1])
    more = replace(
        points[-1], requests_per_s=1.02 * points[-1].requests_per_s, concurrency=4 * (points[-1].concurrency or 1)
    )
    assert is_saturated([*points, more])
    assert is_saturated(points_of(read_runs(FILES / "vllm_2024.json")))


def test_a_model_that_is_not_shipped_works_from_the_measurements_alone() -> None:
    save(read_runs(FILES / "guidellm_v2.json"), model="Qwen/Qwen3-0.6B")
    profiles, missing = load_profiles("Qwen/Qwen3-0.6B", gpus=["A10G", "L4"])
    assert list(profiles) == [KIND]
    assert "no measurement or estimate of qwen3-0.6b on L4" in missing["L4"]
    answer = profiles[KIND].max_tput(130, 64, Slo(tpot_ms=8))
    assert isinstance(answer, MaxTput)
    assert answer.origin == "measured"
    assert isinstance(profiles[KIND].max_tput(2000, 500, Slo()), UnservableSize)
    with pytest.raises(BadInput, match="fp8"):
        load_profiles("qwen3-0.6b", "fp8")


def test_a_precision_that_is_not_shipped_works_too() -> None:
    save(SWEEP, precision="int4")
    profiles, _ = load_profiles("llama-3.1-8b", "int4", gpus=["A10G"])
    answer = profiles[KIND].max_tput(250, 200, Slo(tpot_ms=88))
    assert isinstance(answer, MaxTput)
    assert answer.requests_per_s == 1.9


def test_an_era_that_is_not_shipped_for_the_model_works_too() -> None:
    save_runs(
        SWEEP, gpu="A10G", tensor_parallel=1, model="llama-3.1-8b", precision="bf16", era="vllm-0.2.7", now=MEASURED_AT
    )
    profiles, _ = load_profiles("llama-3.1-8b", era="vllm-0.2.7", gpus=["A10G"])
    answer = profiles[KIND].max_tput(250, 200, Slo(tpot_ms=88))
    assert isinstance(answer, MaxTput)
    assert answer.requests_per_s == 1.9
    with pytest.raises(BadInput):
        load_profiles("llama-3.1-70b", era="vllm-0.2.7")


def test_without_a_folder_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    looked: list[Path] = []
    is_dir, glob = Path.is_dir, Path.glob

    def counted(path: Path) -> bool:
        looked.append(path)
        return is_dir(path)

    def globbed(path: Path, pattern: str) -> object:
        raise AssertionError(path)

    monkeypatch.setattr(Path, "is_dir", counted)
    monkeypatch.setattr(Path, "glob", globbed)
    load_profiles("llama-3.1-8b")
    assert looked.count(folder) <= 2
    assert not [path for path in looked if folder in path.parents]
    monkeypatch.setattr(Path, "glob", glob)


def test_a_broken_file_of_the_users_is_named() -> None:
    path = save(SWEEP)
    path.write_text(path.read_text().replace("1.9,88", "nan,88"))
    read_profile_file.cache_clear()
    with pytest.raises(BadFile, match=path.name) as raised:
        load_profiles("llama-3.1-8b", gpus=["A10G"])
    assert "requests_per_s" in str(raised.value)


def test_nothing_is_saved_of_runs_that_say_nothing(folder: Path) -> None:
    failed = [replace(run, failed=run.completed) for run in SWEEP]
    assert all("50.0%" in rejection(run) for run in failed)
    with pytest.raises(BadInput, match="requests failed"):
        save(failed)
    with pytest.raises(BadInput, match="--gpu T4"):
        save_runs(SWEEP, gpu="T4", tensor_parallel=1, model="m", precision="bf16", era="2025")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Qwen/Qwen3-0.6B", "qwen3-0.6b"),
        ("../../etc/passwd", "passwd"),
        ("..", ""),
        ("A b,c", "a-b-c"),
        ("/models/x/", "x"),
    ],
)
def test_a_models_name_cannot_leave_the_folder(name: str, plain: str) -> None:
    assert plain_name(name, or_else="") == plain
    if not plain:
        with pytest.raises(BadInput):
            plain_name(name)


def test_the_folder_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MELANGE_CLOUD_PROFILES")
    assert own_folder().parts[-2:] == ("melange-cloud", "profiles")


def relabelled(**labels: str) -> list[BenchmarkRun]:
    return [replace(run, labels=tuple(sorted(labels.items()))) for run in SWEEP]


def test_labels_fill_the_options_that_are_not_given() -> None:
    found = attribute(SWEEP)
    assert (found.model, found.precision, found.gpu, found.tensor_parallel, found.era) == (
        "llama-3.1-8b", "bf16", "A10G", 1, "2025",
    )  # fmt: skip
    spelled = attribute(relabelled(gpu="NVIDIA A100-SXM4-80GB", tensor_parallel_size="2", dtype="bfloat16"))
    assert (spelled.gpu, spelled.tensor_parallel, spelled.precision) == ("A100-80GB", 2, "bf16")
    assert attribute(relabelled(gpu="NVIDIA H100 80GB HBM3", tp="1")).gpu == "H100"
    assert attribute(relabelled(gpu="NVIDIA L4", tp="2")).gpu == "L4"


LABELS = (("gpu", "L4"), ("tp", "1"))


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: attribute(SWEEP, gpu="L4"), "--gpu L4: the results say A10G"),
        (lambda: attribute(SWEEP, tensor_parallel=2), "--tp 2: the results say 1"),
        (lambda: attribute(SWEEP, model="llama-2-7b"), "the results are from llama-3.1-8b"),
        (lambda: attribute(SWEEP, precision="fp8"), "--precision fp8: the results say bf16"),
        (lambda: attribute(relabelled(tp="1")), "--gpu: the results do not say"),
        (lambda: attribute(relabelled(gpu="A10G")), "--tp: the results do not say"),
        (lambda: attribute(relabelled(gpu="RTX 4090", tp="1"), gpu="A10G"), "the results say RTX 4090"),
        (lambda: attribute([*SWEEP, *relabelled(gpu="L4", tp="1")]), "contradict each other, A10G and L4"),
        (lambda: attribute([*SWEEP, replace(SWEEP[0], model="m")]), "from several models, llama-3.1-8b, m"),
        (lambda: attribute([replace(SWEEP[0], model="")]), "--model: the results do not name"),
        (lambda: attribute([replace(SWEEP[0], model="m", labels=LABELS)]), "--precision: unknown model m"),
        (lambda: attribute(relabelled(gpu="A10G", tp="3")), "--tp 3: not supported; use 1, 2, 4, 8"),
        (lambda: attribute(relabelled(gpu="A10G", tp="1"), era="1999"), "--era 1999: not supported"),
        (lambda: attribute([replace(SWEEP[0], tpot_ms=9.0)]), "26.8 ms to read the bf16 weights"),
    ],
)  # fmt: skip
def test_what_is_missing_or_contradicts_is_refused(ask: Callable[[], object], says: str) -> None:
    with pytest.raises(BadInput) as raised:
        ask()
    assert says in str(raised.value)


def test_a_served_name_that_is_no_model_gives_way_to_the_option() -> None:
    assert attribute([replace(SWEEP[0], model="/models/prod")], model="llama-3.1-8b").model == "llama-3.1-8b"
