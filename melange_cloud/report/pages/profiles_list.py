"""Which profiles there are, as a page."""

from collections.abc import Iterator

from melange_cloud.domain import GPUS, Kind
from melange_cloud.domain.engines import MEAN_OF_ENGINES, engine_title
from melange_cloud.domain.profile_list import ProfileList, ShippedProfiles, UserProfile
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet, TitledSheet
from melange_cloud.report.page import Page
from melange_cloud.report.text import GLUE, UNKNOWN, clean, number

COLUMNS = (
    "origin",
    "era",
    "model",
    "precision",
    "gpu",
    "tensor_parallel",
    "max_total_tokens",
    "left_out",
    "sizes",
    "points",
    "source",
    "engine",
    "saved",
    "file",
)
"""One row per profile; shipped ones that are missing have the reason in ``left_out`` and, where it is the same for
every degree, no ``tensor_parallel``."""


_REACH = "Reach: longest input + output, tokens; less where the memory of the GPUs ends before."


def profiles_list_page(shown: ProfileList) -> Page:
    """The shipped profiles by era, model and precision; then the user's own."""
    return Page(
        blocks=lambda _: _blocks(shown),
        document={
            "eras": shown.eras,
            "engines": shown.engines,
            "engine": shown.engine,
            "profiles": shown.profiles,
            "own": shown.own,
        },
        columns=COLUMNS,
        rows=[*(row for held in shown.profiles for row in _shipped_rows(held)), *map(_own_row, shown.own)],
    )


def _blocks(shown: ProfileList) -> Iterator[Block]:
    by_era = {era: [held for held in shown.profiles if held.era == era] for era in shown.eras}
    filled = [era for era, held in by_era.items() if held]
    for era in filled:
        sheet = _sheet(by_era[era], legend=_REACH if era == filled[-1] else "")
        yield TitledSheet(f"Era {clean(era)}: {clean(shown.eras[era])}", sheet)
    yield Paragraph(
        (
            "Under each GPU: how many of them a replica may span (tensor parallel degrees with a profile).",
            f"Why not others: melange-cloud{GLUE}profiles{GLUE}list{GLUE}--format{GLUE}json.",
            *_engines(shown),
        )
    )
    if shown.own:
        yield Paragraph(("Your own, which take precedence over these (delete a file to remove it):",), strong=True)
        yield Paragraph(tuple(line for own in shown.own for line in _own_lines(own)))


def _engines(shown: ProfileList) -> tuple[str, ...]:
    """Whose speed they state."""
    if shown.engine != MEAN_OF_ENGINES:
        return (f"These are of {engine_title(shown.engine)}.",)
    return tuple(
        f"Those of era {clean(era)} are the {engine_title(MEAN_OF_ENGINES)}; --engine chooses one."
        for era, engines in shown.engines.items()
        if len(engines) > 1
    )


def _sheet(rows: list[ShippedProfiles], legend: str) -> Sheet:
    reach = Column("Reach", right=True, drop=1, legend=legend)
    return Sheet((Column("Model"), reach, *map(Column, GPUS)), tuple(map(_row, rows)), keys=1)


def _row(held: ShippedProfiles) -> tuple[str, ...]:
    degrees = (held.tensor_parallel.get(gpu, ()) for gpu in GPUS)
    return (
        f"{clean(held.model)} {clean(held.precision)}",
        number(held.max_total_tokens),
        *(" ".join(map(str, some)) or UNKNOWN for some in degrees),
    )


def _own_lines(own: UserProfile) -> tuple[str, str]:
    kind = Kind(own.gpu, own.tensor_parallel)
    sizes = "1 size" if own.sizes == 1 else f"{own.sizes} sizes"
    engine = f", {clean(own.engine)}" if own.engine else ""
    source = f"{clean(own.source)}{engine}"
    what = f"{clean(own.model)} {clean(own.precision)} on {kind}, era {clean(own.era)}: {sizes}, {source}:"
    return what, clean(own.file)


def _shipped_rows(held: ShippedProfiles) -> Iterator[tuple[object, ...]]:
    whose = ("shipped", held.era, held.model, held.precision)
    nothing = (None,) * 6
    for gpu, degrees in held.tensor_parallel.items():
        for degree in degrees:
            yield (*whose, gpu, degree, held.max_total_tokens, None, *nothing)
    for kind_or_gpu, reason in held.left_out.items():
        gpu, _, of_kind = kind_or_gpu.partition(" x")
        yield (*whose, gpu, int(of_kind) if of_kind else None, held.max_total_tokens, reason, *nothing)


def _own_row(own: UserProfile) -> tuple[object, ...]:
    return (
        *(own.origin, own.era, own.model, own.precision, own.gpu, own.tensor_parallel, None, None),
        *(own.sizes, own.points, own.source, own.engine or None, own.saved, own.file),
    )
