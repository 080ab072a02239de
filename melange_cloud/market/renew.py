"""Renews the shipped snapshot, or another folder in its form, from the current answers of both clouds."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from melange_cloud import catalog, clouds
from melange_cloud.clouds.credentials import named_project
from melange_cloud.clouds.deadline import BULK_S
from melange_cloud.concurrency import Deadline
from melange_cloud.domain import PROVIDERS, PURCHASES, CatalogDifference
from melange_cloud.errors import BadInput, PricesUnavailable
from melange_cloud.market.fetch import CloudQuery, FetchOutcome, ask, parts_of
from melange_cloud.market.gather import source_of
from melange_cloud.shipped import shipped

_ENDPOINTS = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_PRICING",
    "AWS_ENDPOINT_URL_EC2",
    "MELANGE_CLOUD_GCP_BILLING_ENDPOINT",
    "MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT",
)
_PRICE_FILE = "on_demand.csv"


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a renewal of a price folder did, and what to check before it is committed.

    Attributes:
        folder: the folder that was written.
        outcomes: the answer of each cloud.
        renewal: the prices before and after.
        difference: what changed.
        checks: what to check before you commit these prices, one line each.
        notes: what could not be read, was left out or is unchanged; one line each.
    """

    folder: Path
    outcomes: tuple[FetchOutcome, ...]
    renewal: catalog.FolderRenewal
    difference: CatalogDifference
    checks: tuple[str, ...]
    notes: tuple[str, ...]


def renew(
    folder: Path | None = None,
    *,
    public: bool = False,
    progress: clouds.Progress | None = None,
    deadline_s: float = BULK_S,
) -> Renewal:
    """Query both clouds for all regions and purchases, and replace the folder's rows with their answers.

    If a cloud fails, its rows are kept. The cache is not read or written, no discount is applied, and no plug-in is
    queried.

    Args:
        folder: a folder in the form of ``pricing/``, copied from it if it does not exist; None: the checkout's.
        public: read AWS's public price list, which needs no credentials and has no spot prices, instead of its APIs.
        deadline_s: how long the queries may take, seconds.

    Raises:
        PricesUnavailable: no cloud answered; nothing was changed.
        BadInput: the folder is not a pricing folder, or is None although melange-cloud is installed.
        MelangeError: the folder cannot be written; nothing was changed.
    """
    target, base = _places(folder)
    wanted = {
        provider: CloudQuery(None, [one for one in PURCHASES if one != "spot" or not (public and provider == "aws")])
        for provider in PROVIDERS
    }
    now = datetime.now(UTC)
    given = clouds.PriceSources({})
    deadline = Deadline(deadline_s)
    outcomes = ask(wanted, partial(source_of, given, now, public, deadline), progress, keep=False, deadline=deadline)
    notes = [str(finding) for outcome in outcomes.values() for finding in outcome.findings]
    answers = {
        provider: parts_of(outcome.fetched, outcome.asked_at)
        for provider, outcome in outcomes.items()
        if outcome.fetched is not None
    }
    if not answers:
        raise PricesUnavailable("\n".join([*notes, "no price could be read; nothing was changed"]))
    companions = {} if target == base else _other_files(base)
    renewal = catalog.renew_folder(target, answers, companions, base)
    found = catalog.difference(renewal.before, renewal.after, both_whole=True)
    notes += [f"{provider}: all of its rows are unchanged" for provider in outcomes if provider not in answers]
    notes += [*renewal.notes, *_circumstances(outcomes.keys() & answers.keys())]
    return Renewal(
        folder=target,
        outcomes=tuple(outcomes.values()),
        renewal=renewal,
        difference=found,
        checks=catalog.worth_a_look(found, renewal),
        notes=tuple(notes),
    )


def _places(folder: Path | None) -> tuple[Path, Path]:
    """The folder to write, and the folder with the rows to renew."""
    ours = shipped("pricing")
    installed = ours.parent.name == "_data"
    if installed and (folder is None or folder.resolve() == ours.resolve()):
        raise BadInput(
            "this melange-cloud is installed, so its prices are part of the package: run it in a checkout, or give "
            "--output FOLDER"
        )
    if folder is None:
        return ours, ours
    if not folder.exists():
        return folder, ours
    if not (folder / _PRICE_FILE).is_file():
        raise BadInput(f"--output {folder} is not a pricing folder (no {_PRICE_FILE}): name one, or a new folder")
    return folder, folder


def _other_files(base: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(base.iterdir()) if path.is_file()}


def _circumstances(answered: Collection[str]) -> list[str]:
    """What shaped the answers but cannot be seen in the folder."""
    notes = []
    if "gcp" in answered and named_project() is None:
        notes.append(
            "gcp: no project is set (MELANGE_CLOUD_GCP_PROJECT), so machine types are assumed to exist where the "
            "shipped snapshot has them: new regions of a type are missed"
        )
    set_ = [name for name in _ENDPOINTS if os.environ.get(name)]
    if set_:
        notes.append(f"the answers are not the clouds' own: they come from the address in {', '.join(set_)}")
    return notes
