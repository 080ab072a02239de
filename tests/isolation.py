"""What a user may have set on this machine, and what a busy machine does, must not shape an answer of a test."""

import os
from pathlib import Path

import pytest

CREDENTIALS = ("AWS_", "GOOGLE_", "CLOUDSDK_", "GCE_")


def isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """An empty home and price cache, no settings, no credentials, and time to prove what a plan says."""
    for name in set(os.environ) - {"AWS_EC2_METADATA_DISABLED"}:
        # COLUMNS is what pytest-xdist sets.
        if name in ("COLUMNS", "NO_COLOR", "SOURCE_DATE_EPOCH") or name.startswith(("MELANGE_CLOUD_", *CREDENTIALS)):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(home / "cache"))
    # A figure next to the plan is proven on a busy machine, too; how long it may take there is no test's business.
    monkeypatch.setattr("melange_cloud.planner.answer_question.FIGURE_LIMIT_S", 60)
