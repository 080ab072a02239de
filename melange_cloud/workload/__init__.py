"""Makes a Workload from shipped names, workload files, histograms and traces.

load_workload("conversation")            a shipped name
load_workload("mine.json")               a workload file (format: ``melange_cloud.workload.file``)
load_workload("counts.csv")              a histogram (format: ``melange_cloud.workload.histogram``)
read_trace(["requests-*.csv.gz"])        request by request (logs: ``melange_cloud.workload.traces.columns``)
workload_from_requests(inputs, outputs)  from sizes in memory
mix({"chat": (chat, 0.8), ...})          several workloads as one
write_workload(held)                     the text of a workload file
"""

from melange_cloud.domain import WorkloadFile
from melange_cloud.workload.bucket_edges import Edges, checked_edges, fine_edges
from melange_cloud.workload.file import write_workload
from melange_cloud.workload.file_form import WorkloadForm
from melange_cloud.workload.histogram import SizeFacts
from melange_cloud.workload.hourly_counts import read_histogram, read_rates, with_rates
from melange_cloud.workload.load import list_workloads, load_workload, load_workload_file
from melange_cloud.workload.mix import mix, mixed_cached_input, rates_left_out, workload_from_requests
from melange_cloud.workload.scale import scale, without_longest
from melange_cloud.workload.traces.columns import ColumnChoice
from melange_cloud.workload.traces.read import Trace, read_trace

__all__ = [
    "ColumnChoice",
    "Edges",
    "SizeFacts",
    "Trace",
    "WorkloadFile",
    "WorkloadForm",
    "checked_edges",
    "fine_edges",
    "list_workloads",
    "load_workload",
    "load_workload_file",
    "mix",
    "mixed_cached_input",
    "rates_left_out",
    "read_histogram",
    "read_rates",
    "read_trace",
    "scale",
    "with_rates",
    "without_longest",
    "workload_from_requests",
    "write_workload",
]
