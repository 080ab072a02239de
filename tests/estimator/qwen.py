"""Qwen2.5-7B, which people measured on small GPUs."""

from dataclasses import replace

from melange_cloud.estimator.spec_files import load_models

QWEN_7B = replace(
    load_models()["llama-3.1-8b"],
    name="qwen2.5-7b",
    parameters=7_615_616_512,
    layers=28,
    hidden=3584,
    heads=28,
    kv_heads=4,
    intermediate=18944,
    vocab=152064,
)
"""The shape of its config.json; the rest is any model's."""
