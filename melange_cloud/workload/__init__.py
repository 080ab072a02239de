"""Request sizes from shipped names, workload files, histograms and traces: all end as a Workload.

load_workload("conversation")            a shipped name
load_workload("mine.json")               a workload file (format: ``melange_cloud.workload.file``)
load_workload("counts.csv")              a histogram (format: ``melange_cloud.workload.histogram``)
read_trace("requests.csv.gz")            request by request (format: ``melange_cloud.workload.trace``)
workload_from_requests(inputs, outputs)  from sizes that are already in memory
mix({"chat": (chat, 0.8), ...})          several workloads as one
write_workload(workload)                 the text of a workload file
"""

from melange_cloud.workload.file import WorkloadFile, write_workload
from melange_cloud.workload.load import list_workloads, load_workload, load_workload_file
from melange_cloud.workload.requests import mix, workload_from_requests
from melange_cloud.workload.trace import ArrivalRates, Trace, read_trace

__all__ = [
    "ArrivalRates",
    "Trace",
    "WorkloadFile",
    "list_workloads",
    "load_workload",
    "load_workload_file",
    "mix",
    "read_trace",
    "workload_from_requests",
    "write_workload",
]
