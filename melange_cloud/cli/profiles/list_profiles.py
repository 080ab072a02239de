"""``melange-cloud profiles list``: which profiles there are."""

from melange_cloud.cli import output
from melange_cloud.cli.options import AnyFormat, Engine, Force, Out
from melange_cloud.cli.result_file import result_of
from melange_cloud.report.page import Format


def list_profiles(
    engine: Engine = None,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """List the shipped profiles: eras, models, precisions, and the tensor parallel degrees that fit on each GPU."""
    from melange_cloud.profiles.profile_list import profile_list
    from melange_cloud.report.pages.profiles_list import profiles_list_page

    result = result_of(out, format_, Format, force=force)
    output.show(profiles_list_page(profile_list(engine)), result)
