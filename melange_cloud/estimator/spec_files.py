"""Reads gpus.toml, models.toml, eras.toml and calibration.toml.

Each file says in its header what its fields mean; here every field is declared with its type and its limits, and all
the faults of a file are reported together.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from melange_cloud.domain import GPUS, GRADES
from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.errors import BadFile, Fault, shown
from melange_cloud.estimator.specs import (
    ENGINE_SETTINGS,
    PRECISIONS,
    TENSOR_PARALLEL_DEGREES,
    Calibration,
    EngineSettings,
    Era,
    FrontEnd,
    Gpu,
    Model,
    SettingsByMemory,
)
from melange_cloud.inputs import NotANumber, parse_number, read_toml
from melange_cloud.inputs.toml_tables import TomlTable
from melange_cloud.shipped import shipped

FRONT_END_PARTS = ("step_s", "per_request_s", "per_prefill_s", "per_prefill_layer_s")


def read_models(path: Path) -> dict[str, Model]:
    """The models of a ``models.toml``, by name.

    Raises:
        BadFile: a field is missing, unknown or out of range, or the parameter count contradicts the shape.
    """
    faults: list[Fault] = []
    models: dict[str, Model] = {}
    for name, table in read_toml(path, non_finite=True).items():
        reader = TomlTable(path, name, table, faults)
        model = Model(
            name=name,
            title=reader.text("title"),
            also_known_as=reader.texts("also_known_as"),
            parameters=reader.whole("parameters"),
            layers=reader.whole("layers"),
            hidden=reader.whole("hidden"),
            heads=reader.whole("heads"),
            kv_heads=reader.whole("kv_heads"),
            head_dim=reader.whole("head_dim"),
            intermediate=reader.whole("intermediate"),
            vocab=reader.whole("vocab"),
            tied_embeddings=reader.flag("tied_embeddings"),
            max_model_len=reader.whole("max_model_len"),
            native_precision=reader.choice("native_precision", PRECISIONS),
            source=reader.text("source"),
            date=reader.day("date"),
            block_scaled_fp8=reader.flag("block_scaled_fp8") if reader.has("block_scaled_fp8") else False,
        )
        reader.finish()
        tables = 1 if model.tied_embeddings else 2
        by_shape = model.layer_parameters + tables * model.head_parameters
        if abs(model.parameters - by_shape) > 0.01 * by_shape:
            reader.fault(
                "parameters", f"is {model.parameters:,}, but the shape has about {by_shape:,}", "correct either"
            )
        models[name] = model
    if faults:
        raise BadFile(faults)
    return models


def read_gpus(path: Path) -> dict[str, Gpu]:
    """The GPUs of a ``gpus.toml``, by name, in the order of GPUS.

    Raises:
        BadFile: a field is missing, unknown or out of range, or a GPU is not one of GPUS.
    """
    faults: list[Fault] = []
    gpus: dict[str, Gpu] = {}
    for name, table in read_toml(path, non_finite=True).items():
        if name not in GPUS:
            faults.append(Fault(path, f"is not a GPU that melange-cloud plans with: {', '.join(GPUS)}", field=name))
            continue
        reader = TomlTable(path, name, table, faults)
        gpus[name] = Gpu(
            name=name,
            memory_gib=reader.number("memory_gib", 1, 1000),
            cuda_memory_gib=reader.number("cuda_memory_gib", 1, 1000),
            bandwidth_gb_per_s=reader.number("bandwidth_gb_per_s", 1, 100_000),
            fp16_tflops=reader.number("fp16_tflops", 1, 100_000),
            fp8_tflops=reader.number("fp8_tflops", 1, 100_000) if reader.has("fp8_tflops") else None,
            link=reader.text("link"),
            source=reader.text("source"),
            date=reader.day("date"),
        )
        reader.finish()
    if faults:
        raise BadFile(faults)
    return {name: gpus[name] for name in GPUS if name in gpus}


def read_eras(path: Path, models: Mapping[str, Model]) -> dict[str, Era]:
    """The eras of an ``eras.toml``, by name.

    Raises:
        BadFile: a field is missing, unknown or out of range, or a model is not in ``models``.
    """
    faults: list[Fault] = []
    eras: dict[str, Era] = {}
    for name, table in read_toml(path, non_finite=True).items():
        reader = TomlTable(path, name, table, faults)
        limits = reader.mapping("max_total_tokens")
        profiled = reader.mapping("models")
        era = Era(
            name=name,
            title=reader.text("title"),
            engines=_engines(reader.part("engines")),
            mixed_steps=reader.flag("mixed_steps"),
            prefix_cache=reader.flag("prefix_cache"),
            fp8_cache=reader.flag("fp8_cache"),
            least_cache_share=reader.number("least_cache_share", 0, 1),
            tensor_parallel=reader.some_of("tensor_parallel", TENSOR_PARALLEL_DEGREES),
            fewest_gpus=reader.flag("fewest_gpus"),
            models={model: reader.part("models").texts(model) for model in profiled},
            max_total_tokens=limits,
        )
        reader.finish()
        for model in (*era.models, *limits):
            if model not in models:
                reader.fault("models", f"names {shown(model)}, which models.toml does not have")
        for model, tokens in limits.items():
            if not isinstance(tokens, int) or tokens < 1:
                reader.fault("max_total_tokens", f"of {model} is {shown(tokens)}", "must be a whole number of tokens")
        for precision in sorted({precision for precisions in era.models.values() for precision in precisions}):
            if precision not in PRECISIONS:
                reader.fault("models", f"names the precision {shown(precision)}", f"use {', '.join(PRECISIONS)}")
        eras[name] = era
    if faults:
        raise BadFile(faults)
    return eras


def _engines(reader: TomlTable) -> dict[str, SettingsByMemory]:
    engines = {name: _settings_by_memory(reader.part(name)) for name in ENGINE_SETTINGS if reader.has(name)}
    if len(engines) != 1 and MEAN_OF_ENGINES not in engines:
        reader.fault(MEAN_OF_ENGINES, "is missing", "add the settings that profiles of no certain engine have")
    reader.finish()
    return engines


def _settings_by_memory(reader: TomlTable) -> SettingsByMemory:
    first = EngineSettings(
        memory_utilization=reader.number("memory_utilization", 0.1, 1),
        cache_utilization=reader.number("cache_utilization", 0.1, 1),
        runtime_gib=reader.number("runtime_gib", 0, 100),
        group_gib=reader.number("group_gib", 0, 100),
        trial_run=reader.flag("trial_run"),
        bytes_per_score=reader.number("bytes_per_score", 0, 1000),
        growth=reader.number("growth", 0, 1),
        block_tokens=reader.whole("block_tokens"),
        max_num_seqs=reader.whole("max_num_seqs"),
        max_num_batched_tokens=reader.whole("max_num_batched_tokens"),
    )
    from_gib = reader.part("from_gib")
    larger: list[tuple[float, EngineSettings, tuple[str, ...]]] = []
    for least_gib, text in sorted((_gib(reader, text), text) for text in reader.mapping("from_gib")):
        smaller = larger[-1][1] if larger else first
        larger.append((least_gib, *_larger(from_gib.part(text), smaller)))
    reader.finish()
    return SettingsByMemory(first, tuple(larger))


def _gib(reader: TomlTable, text: str) -> float:
    try:
        return parse_number(text)
    except NotANumber:
        reader.fault("from_gib", f"has {shown(text)}", "name the least memory, GiB")
        return 0.0


def _larger(reader: TomlTable, smaller: EngineSettings) -> tuple[EngineSettings, tuple[str, ...]]:
    """The settings of smaller GPUs, but for the fields that the table has, and the GPUs to which they do not apply."""
    has, tokens, seqs = reader.has, "max_num_batched_tokens", "max_num_seqs"
    settings = replace(
        smaller,
        runtime_gib=reader.number("runtime_gib", 0, 100) if has("runtime_gib") else smaller.runtime_gib,
        growth=reader.number("growth", 0, 1) if has("growth") else smaller.growth,
        max_num_seqs=reader.whole(seqs) if has(seqs) else smaller.max_num_seqs,
        max_num_batched_tokens=reader.whole(tokens) if has(tokens) else smaller.max_num_batched_tokens,
    )
    except_gpus = reader.texts("except_gpus")
    for gpu in except_gpus:
        if gpu not in GPUS:
            reader.fault("except_gpus", f"names {shown(gpu)}", f"use {', '.join(GPUS)}")
    reader.finish()
    return settings, except_gpus


def read_calibrations(path: Path) -> dict[tuple[str, str, str], Calibration]:
    """The constants of a ``calibration.toml``, by (GPU, era, precision); ``fp16`` covers both 16-bit precisions.

    Raises:
        BadFile: a field is missing, unknown or out of range, or a row appears twice.
    """
    faults: list[Fault] = []
    calibrations: dict[tuple[str, str, str], Calibration] = {}
    tables = read_toml(path, non_finite=True).get("calibration", [])
    if not isinstance(tables, list):
        raise BadFile([Fault(path, "is not an array of tables: write [[calibration]] above each", field="calibration")])
    for number, table in enumerate(tables, start=1):
        reader = TomlTable(path, f"calibration {number}", table, faults)
        row = Calibration(
            gpu=reader.choice("gpu", GPUS),
            era=reader.text("era"),
            precision=reader.choice("precision", ("fp16", "fp8")),
            read_weights=reader.number("read_weights", 0.05, 1),
            read_cache=reader.number("read_cache", 0.05, 1.2),
            compute=reader.number("compute", 0.05, 1),
            block_scaled=reader.number("block_scaled", 0.05, 1),
            attention=reader.number("attention", 0.05, 1),
            step_s=reader.number("step_s", 0, 1),
            step_per_request_s=reader.number("step_per_request_s", 0, 1),
            layer_s=reader.number("layer_s", 0, 1),
            block_layer_s=reader.number("block_layer_s", 0, 1),
            server_share=reader.number("server_share", 0, 10),
            sampling_s=reader.number("sampling_s", 0, 1),
            prefill_s=reader.number("prefill_s", 0, 1),
            cache_loss=reader.number("cache_loss", 0, 10),
            link_gb_per_s=reader.number("link_gb_per_s", 0.1, 10_000),
            link_latency_s=reader.number("link_latency_s", 0, 1),
            switch_share=reader.number("switch_share", 0, 10),
            front_end=FrontEnd(*reader.numbers("front_end", FRONT_END_PARTS)),
            engine_step_s=reader.seconds("engine_step_s"),
            engine_cache_loss=reader.seconds("engine_cache_loss"),
            engine_front_end={
                engine: FrontEnd(*reader.part("engine_front_end").numbers(engine, FRONT_END_PARTS))
                for engine in reader.mapping("engine_front_end")
            },
            grade=reader.mapping("grade"),
            rests_on=reader.text("rests_on"),
            rows=reader.mapping("rows"),
            fitted=reader.texts("fitted"),
            chosen=reader.texts("chosen"),
            borrowed=reader.text("borrowed") if reader.has("borrowed") else "",
        )
        reader.finish()
        for grade in row.grade.values():
            if grade not in GRADES:
                reader.fault("grade", f"is {shown(grade)}", f"must be one of {', '.join(GRADES)}")
        key = (row.gpu, row.era, row.precision)
        if key in calibrations:
            reader.fault("gpu", f"has a second row for {row.name}", "keep one")
        calibrations[key] = row
    if faults:
        raise BadFile(faults)
    return calibrations


@cache
def load_models() -> dict[str, Model]:
    """The shipped models, by name."""
    return read_models(shipped("profiles") / "models.toml")


@cache
def load_gpus() -> dict[str, Gpu]:
    """The shipped GPU data sheets, by name, least memory bandwidth first."""
    return read_gpus(shipped("profiles") / "gpus.toml")


@cache
def load_eras() -> dict[str, Era]:
    """The shipped engine eras, by name."""
    return read_eras(shipped("profiles") / "eras.toml", load_models())


@cache
def load_calibrations() -> dict[tuple[str, str, str], Calibration]:
    """The shipped constants of the estimator, by (GPU, era, precision)."""
    return read_calibrations(shipped("profiles") / "calibration.toml")
