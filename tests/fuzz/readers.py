"""Every reader of what a user, a tool, a cache or a cloud wrote: valid inputs, and how they are read."""

import io
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

from melange_cloud import catalog, paper
from melange_cloud.calibration.report_card import read_card
from melange_cloud.calibration.training_data import read_measurements
from melange_cloud.catalog.cache.format import CachedPrices, ProviderCache, QueryRecord, as_text
from melange_cloud.catalog.snapshot import FILE_OF_PURCHASE, load_instance_types, load_snapshot, read_snapshot
from melange_cloud.cli import options_to_question
from melange_cloud.clouds.aws.csv_list import products_of
from melange_cloud.clouds.aws.products import PriceList, parsed
from melange_cloud.clouds.gcp.skus import part_prices
from melange_cloud.domain import Region
from melange_cloud.estimator import spec_files
from melange_cloud.estimator.config_json import read_config
from melange_cloud.profiles.evidence.measurement_sources import read_sources
from melange_cloud.profiles.files.profile_file import read_profile_file
from melange_cloud.profiles.importers import read_file
from melange_cloud.profiles.measure.load_generator import first_error
from melange_cloud.profiles.measure.resume import KeptPoints
from melange_cloud.shipped import shipped
from melange_cloud.workload import read_histogram, read_rates, read_trace
from melange_cloud.workload.histogram import SizeFacts
from melange_cloud.workload.load import load_workload_file
from tests.clouds.aws_cloud import public_list, recorded
from tests.clouds.gcp_recorded import message, sku
from tests.questions import NOW

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "profiles" / "benchmark_files"
HERE = Region("aws", "us-east-1", "N. Virginia")


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        name: of the file that is written; its suffix matters to some.
        kind: how it is mutated.
        seeds: makes valid inputs.
        read: reads the file; what it returns is looked through for numbers that are not finite.
        command: a command line that reads it, FILE being its path; empty where another reader's command does.
        codes: exit codes that the command may end with.
        raises: what it may raise beside MelangeError, where its caller expects that.
    """

    name: str
    kind: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[Path], object]
    command: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0, 2)
    raises: tuple[type[Exception], ...] = ()


def _texts(*texts: str) -> Callable[[], Sequence[bytes]]:
    return lambda: [text.encode() for text in texts]


def _files(*paths: Path) -> Callable[[], Sequence[bytes]]:
    return lambda: [path.read_bytes() for path in paths]


def _head(path: Path, lines: int) -> Callable[[], Sequence[bytes]]:
    return lambda: [b"\n".join(path.read_bytes().split(b"\n")[:lines]) + b"\n"]


def _tail(path: Path, count: int) -> Callable[[], Sequence[bytes]]:
    """The header and the last rows of a table."""

    def lines() -> Sequence[bytes]:
        head, *rows = path.read_bytes().splitlines(keepends=True)
        return [b"".join([head, *rows[-count:]])]

    return lines


def _tables(path: Path, count: int) -> Callable[[], Sequence[bytes]]:
    """The first tables of a TOML file."""
    return lambda: [b"\n[".join(path.read_bytes().split(b"\n[")[: count + 1])]


SETTINGS = """\
[plan]
region = "us-east-1"
rate = 40
tpot-ms = 80.5
headroom = 0.3
gpu = ["A10G", "L4"]
offline = true
spare = 1

[[discount]]
provider = "aws"
region = "us-*"
family = "g5"
purchase = "on_demand"
percent = 12.5
"""
SHEET = """\
provider,region,instance_type,purchase,usd_per_hour,gpu,gpu_count,vcpus,memory_gib,source,as_of_from,confirmed
aws,us-east-1,g6.xlarge,on_demand,0.7,,,,,ours,2026-11-01,yes
aws,us-east-1,g9.large,on_demand,1.25,L4,2,16,64,"a, quote",,
gcp,us-central1,g2-standard-4,spot,0.31,,,,,,,
"""
FLEET_CSV = "instance_type,instances,region\ng5.2xlarge,7,us-east-1\ng6.2xlarge,3,\n"
FLEET_JSON = (
    '{"instances": {"g5.2xlarge": 7, "p5.48xlarge": 1}}',
    '{"regions": [{"provider": "aws", "region": "us-east-1", "allocations": '
    '[{"instance_type": "g5.xlarge", "instances": 2}]}]}',
)
HISTOGRAM = "input\\output,1-25,26-100,>100\n1-25,121,154,0\n26-100,39,62,1\n>100,0,0,2\n"
HOURS = (
    "start_hour,input_bucket,output_bucket,expected_requests\n0,1-25,1-25,12\n0,26-100,1-25,5\n1,1-25,1-25,13\n"
    "2,26-100,>100,5\n"
)
RATES = (
    "hour,requests\n0,100\n1,120\n2,\n3,90\n",
    "time,requests_per_s\n2026-05-01T00:00:00Z,1.5\n2026-05-01T00:01:00Z,2\n2026-05-01T00:02:00Z,3\n",
)
TRACE_CSV = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2026-05-10 00:{minute:02}:00.1,{100 + minute},{20 + minute % 7}\n" for minute in range(40)
)
TRACE_JSONL = "".join(
    json.dumps({"timestamp": 1_715_299_200 + 30 * n, "usage": {"prompt_tokens": 90 + n, "completion_tokens": 30}})
    + "\n"
    for n in range(40)
)
PROFILE = """\
# format: melange-cloud profile 1
# model: llama-3.1-8b
# precision: bf16
# gpu: L4
# era: 2025
# max_total_tokens: 131072
# max_num_seqs: 256
# source: a test: with a colon
# calibration: none
# made by: a test
# weights_gib: 15
# weight_read_ms: 1=53.5 2=26.8
# cache_tokens: 1=30000 2=90000
tensor_parallel,input_tokens,output_tokens,concurrency,requests_per_s,tpot_ms,ttft_ms,origin,grade,error
1,100,100,1,1.5,60,20,estimated,C,0.3
1,100,100,2,2.5,70,30,estimated,C,0.3
2,100,100,1,3.5,40,20,measured,A,0.05
"""
MEASURED = (
    PROFILE.replace("profile 1", "profile 2").partition("tensor_parallel")[0]
    + """\
tensor_parallel,input_tokens,output_tokens,concurrency,requests_per_s,tpot_ms,p99_tpot_ms,ttft_ms,origin,grade,error,measured_on,source
1,100,100,1,1.5,60,80,20,measured,A,0.1,2026-11-20,run.json
1,100,100,,2.5,,,,measured,A,0.1,,
"""
)
CONFIG = {
    "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "layer_types": ["full_attention"], "sliding_window": None,
    "_name_or_path": "meta/x",
}  # fmt: skip
STATE = {
    "format": "melange-cloud measure 1", "conditions": {"gpu": "A10G"}, "profile": None,
    "points": [{"input_tokens": 128, "output_tokens": 64, "concurrency": 4, "at": "2026-11-22 12:00"}],
}  # fmt: skip
REPORT = {"benchmarks": [{"requests": {"errored": [{"info": {"error": "HTTPError('503 busy\\nmore')"}}]}}]}
METADATA = '{"format": 1, "machine": "here", "not_there": {"aws": "2026-11-22T10:00:00+00:00"}}'
PAPER = (
    '{"gpu_info": {"A10G": {"cost": 1.01, "tputs": [[2, 1], [5, 2]]}, '
    '"H100": {"cost": 3.6, "tputs": [[20, 0], [40, 20]]}},'
    '"workload_distribution": [[0.2, 0.1], [0.5, 0.2]], "total_request_rate": 30.0, "slice_factor": 2}'
)


def _cache_text() -> Sequence[bytes]:
    offers = [offer for offer in load_snapshot("on_demand").offers if offer.region == "us-east-1"][:3]
    part = CachedPrices("us-east-1", "on_demand", NOW, True, tuple(offers))
    return [as_text("aws", ProviderCache((part,), (QueryRecord("us-east-1", "on_demand", NOW, True),))).encode()]


def _settings(path: Path) -> object:
    os.environ["MELANGE_CLOUD_CONFIG"] = str(path)
    try:
        return [options_to_question.defaults_from_file(), catalog.load_discounts()]
    finally:
        del os.environ["MELANGE_CLOUD_CONFIG"]


def _cached(path: Path, read: Callable[[], object]) -> object:
    before = os.environ.get("MELANGE_CLOUD_CACHE_DIR")
    os.environ["MELANGE_CLOUD_CACHE_DIR"] = str(path.parent)
    try:
        return read()
    finally:
        os.environ.pop("MELANGE_CLOUD_CACHE_DIR")
        if before is not None:
            os.environ["MELANGE_CLOUD_CACHE_DIR"] = before


@cache
def _known_types() -> frozenset[str]:
    return frozenset(name for provider, name in load_instance_types() if provider == "aws")


def _profile(path: Path) -> object:
    read_profile_file.cache_clear()
    file = read_profile_file(path)
    used: list[object] = [file.header]
    for kind, sizes in file.rows.items():
        for size in sizes:
            used += [file.points(kind, size), file.rates(kind, size).error]
    return used


def _table(path: Path) -> object:
    folder = path.parent
    (folder / "sources.toml").write_bytes((shipped("profiles") / "measured" / "sources.toml").read_bytes())
    return read_measurements(folder, spec_files.load_models())


def _snapshot(path: Path) -> object:
    for name in {*FILE_OF_PURCHASE.values(), "excluded.csv", "sources.toml"} - {path.name}:
        (path.parent / name).write_bytes((shipped("pricing") / name).read_bytes() if name.endswith("toml") else
                                         (shipped("pricing") / name).read_bytes().split(b"\n")[0] + b"\n")  # fmt: skip
    return read_snapshot(path.parent).offers


def _kept(path: Path) -> object:
    return KeptPoints.opened(path.parent, {"gpu": "A10G"})[0].points


def _price_item(path: Path) -> object:
    prices = PriceList(sorted(_known_types()), ("on_demand", "commit_1y", "commit_3y"), None)
    prices.add(parsed(path.read_bytes().decode("utf-8", "replace")))
    return prices.settle()[0]


def _public_list(path: Path) -> object:
    prices = PriceList(sorted(_known_types()), ("on_demand", "commit_1y", "commit_3y"), None)
    with path.open("rb") as lines:
        for document in products_of(lines):
            prices.add(document)
    return prices.settle()[0]


def _sku(path: Path) -> object:
    from google.protobuf.json_format import ParseError

    try:
        made = message(json.loads(path.read_bytes()))
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("the SDK refuses it before we see it") from error
    return part_prices([made])


def _trace(path: Path) -> object:
    trace = read_trace([path])
    return [trace.arrival_rates, trace.load_error, trace.workload_file(name="x", title="x", source="x", licence="x")]


def _parquet() -> Sequence[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    times = [NOW + timedelta(seconds=30 * n) for n in range(30)]
    pq.write_table(pa.table({"timestamp": times, "input_tokens": list(range(30)), "output_tokens": [5] * 30}), sink)
    return [sink.getvalue()]


_SHOW = ("workloads", "show", "FILE")
_PROFILES = shipped("profiles")
READERS: dict[str, Reader] = {
    "settings": Reader("melange-cloud.toml", "toml", _texts(SETTINGS), _settings, ("workloads", "list")),
    "price-sheet": Reader(
        "sheet.csv",
        "csv",
        _texts(SHEET),
        lambda path: catalog.read_price_sheet(path, today=date(2026, 11, 22), reference=load_snapshot("on_demand")),
        ("prices", "diff", "snapshot", "FILE", "--purchase", "on_demand"),
    ),
    "price-cache": Reader(
        "aws.json",
        "json",
        _cache_text,
        lambda path: _cached(path, lambda: catalog.read_cache("aws")),
        ("prices", "list", "--offline", "--region", "us-east-1", "--purchase", "on_demand"),
    ),
    "cache-metadata": Reader(
        "metadata.json",
        "json",
        _texts(METADATA),
        lambda path: _cached(path, lambda: catalog.metadata_not_there("aws", NOW)),
    ),
    "pricing-folder": Reader(
        "on_demand.csv", "csv", _head(shipped("pricing") / "on_demand.csv", 6), _snapshot, raises=(ValueError, KeyError)
    ),
    "pricing-words": Reader(
        "sources.toml", "toml", _files(shipped("pricing") / "sources.toml"), _snapshot, raises=(ValueError, KeyError)
    ),
    "fleet-csv": Reader(
        "fleet.csv",
        "csv",
        _texts(FLEET_CSV),
        lambda path: catalog.read_fleet(path, HERE, _known_types()),
        ("plan", "--region", "us-east-1", "--offline", "--gpu", "A10G", "--current", "FILE"),
    ),
    "fleet-json": Reader(
        "fleet.json",
        "json",
        _texts(*FLEET_JSON),
        lambda path: catalog.read_fleet(path, HERE, _known_types()),
        ("plan", "--region", "us-east-1", "--offline", "--gpu", "A10G", "--current", "FILE"),
    ),
    "workload": Reader(
        "w.json", "json", _files(ROOT / "profiles" / "workloads" / "chat.json"), load_workload_file, _SHOW
    ),
    "histogram": Reader(
        "h.csv",
        "csv",
        _texts(HISTOGRAM),
        lambda path: read_histogram(path, SizeFacts(longest_input=500, longest_output=500)),
        _SHOW,
    ),
    "histogram-by-hours": Reader(
        "h.csv",
        "csv",
        _texts(HOURS),
        lambda path: read_histogram(path, SizeFacts(longest_output=500)),
        ("workloads", "from-counts", "--histogram", "FILE", "--longest-output", "500"),
    ),
    "rates": Reader(
        "r.csv",
        "csv",
        _texts(*RATES),
        read_rates,
        ("workloads", "from-counts", "--histogram", "chat", "--rates", "FILE"),
    ),
    "trace-csv": Reader("t.csv", "csv", _texts(TRACE_CSV), _trace, ("workloads", "from-trace", "FILE")),
    "trace-jsonl": Reader("t.jsonl", "jsonl", _texts(TRACE_JSONL), _trace, ("workloads", "from-trace", "FILE")),
    "trace-parquet": Reader("t.parquet", "bytes", _parquet, _trace, ("workloads", "from-trace", "FILE")),
    "profile": Reader("p.csv", "csv", _texts(PROFILE), _profile),
    "measured-profile": Reader("p.csv", "csv", _texts(MEASURED), _profile),
    "models": Reader("models.toml", "toml", _tables(_PROFILES / "models.toml", 4), spec_files.read_models),
    "gpus": Reader("gpus.toml", "toml", _files(_PROFILES / "gpus.toml"), spec_files.read_gpus),
    "eras": Reader(
        "eras.toml",
        "toml",
        _files(_PROFILES / "eras.toml"),
        lambda path: spec_files.read_eras(path, spec_files.load_models()),
    ),
    "calibration": Reader(
        "calibration.toml", "toml", _tables(_PROFILES / "calibration.toml", 3), spec_files.read_calibrations
    ),
    "measurement-sources": Reader(
        "sources.toml", "toml", _tables(_PROFILES / "measured" / "sources.toml", 4), read_sources
    ),
    "measurements": Reader(
        "evidence.csv",
        "csv",
        _tail(_PROFILES / "measured" / "evidence.csv", 8),
        _table,
        ("profiles", "evidence", "--check", "FILE"),
    ),
    "report-card": Reader("report_card.csv", "csv", _head(_PROFILES / "report_card.csv", 8), read_card),
    "config": Reader(
        "config.json",
        "json",
        _texts(json.dumps(CONFIG)),
        read_config,
        ("profiles", "estimate", "--config", "FILE", "--gpu", "L4"),
    ),
    "paper": Reader(
        "input.json",
        "json",
        _texts(PAPER),
        lambda path: paper.to_problem(paper.read_paper_input(path)),
        ("solve", "FILE"),
        (0, 2, 3),
    ),
    "measure-state": Reader("state.json", "json", _texts(json.dumps(STATE)), _kept),
    "guidellm-report": Reader("report.json", "json", _texts(json.dumps(REPORT)), first_error),
    "aws-price-item": Reader(
        "item.json",
        "json",
        lambda: [
            json.dumps(one).encode() for one in recorded("gpu_products.json")[:4] + recorded("reserved_terms.json")
        ],
        _price_item,
        raises=(ValueError,),
    ),
    "aws-public-list": Reader(
        "index.csv",
        "csv",
        lambda: [public_list(recorded("gpu_products.json")[:6]).encode()],
        _public_list,
        raises=(ValueError,),
    ),
    "gcp-sku": Reader("sku.json", "json", lambda: [json.dumps(sku()).encode()], _sku, raises=(ValueError,)),
}
for _path in sorted([*RESULTS.glob("*.json"), *RESULTS.glob("*.jsonl")]):
    READERS[f"import-{_path.stem.replace('_', '-')}"] = Reader(
        _path.name,
        "jsonl" if _path.suffix == ".jsonl" else "json",
        partial(lambda path: [path.read_bytes()], _path),
        read_file,
        ("profiles", "import", "FILE", "--gpu", "A10G", "--tp", "1", "--model", "llama-3.1-8b", "--dry-run"),
    )
"""What every reader is called, and how it is tried."""


def finite(value: Any, depth: int = 0) -> bool:
    """Whether all numbers in what was read are finite."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Decimal):
        return value.is_finite()
    if depth > 8 or isinstance(value, str | bytes | int | date | Path) or value is None:
        return True
    if isinstance(value, dict):
        return all(finite(part, depth + 1) for part in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return all(finite(part, depth + 1) for part in value)
    names = getattr(type(value), "__dataclass_fields__", ())
    return all(finite(getattr(value, name), depth + 1) for name in names)
