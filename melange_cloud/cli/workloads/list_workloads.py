"""``melange-cloud workloads list``: the shipped workloads."""

from melange_cloud.cli import output
from melange_cloud.cli.options import AnyFormat, Force, Out
from melange_cloud.cli.result_file import result_of
from melange_cloud.report.page import Format


def list_workloads(format_: AnyFormat = None, out: Out = None, force: Force = False) -> None:
    """List the shipped workloads."""
    from melange_cloud import workload
    from melange_cloud.report.pages.workloads_list import workloads_list_page

    result = result_of(out, format_, Format, force=force)
    output.show(workloads_list_page([workload.load_workload_file(name) for name in workload.list_workloads()]), result)
