"""Profiles a running server: what one replica does at each load, for each request size.

For each request size the requests in flight are doubled until the SLO breaks or throughput stops growing, and the last
step is bisected (``ladder``). A third-party load generator makes the load (``load_generator``). Each finished load
point is saved at once (``resume``), so that a rerun continues where the last one stopped (``session``).
"""

from melange_cloud.domain.measurement import MeasureQuestion, RequestSize
from melange_cloud.profiles.attribution.stated_engine import engine_text
from melange_cloud.profiles.measure.evidence_rows import evidence_rows, processor_name
from melange_cloud.profiles.measure.gpu_readings import MonitoredGenerator, NoMonitor, find_monitor
from melange_cloud.profiles.measure.known_settings import known_settings, named_by_user, unknown_settings
from melange_cloud.profiles.measure.ladder import broken, rungs
from melange_cloud.profiles.measure.load_generator import START_UP_S, GuideLlm, find_guidellm
from melange_cloud.profiles.measure.outcome import load_measurement, measurement_of, save_measurement
from melange_cloud.profiles.measure.pace import LoadPoint, longest_s
from melange_cloud.profiles.measure.request_sizes import DEFAULT_SIZES, ENDPOINTS, sizes_in, sizes_of
from melange_cloud.profiles.measure.resume import KeptPoints, alone_in
from melange_cloud.profiles.measure.server import API_KEY_VARIABLE, Server, ask_server, probe, settings_of
from melange_cloud.profiles.measure.server_log import read_server_log
from melange_cloud.profiles.measure.server_question import measure_question, within_reach
from melange_cloud.profiles.measure.session import MeasuredSize, Session, Watcher, runs_to_save

__all__ = [
    "API_KEY_VARIABLE",
    "DEFAULT_SIZES",
    "ENDPOINTS",
    "START_UP_S",
    "GuideLlm",
    "KeptPoints",
    "LoadPoint",
    "MeasureQuestion",
    "MeasuredSize",
    "MonitoredGenerator",
    "NoMonitor",
    "RequestSize",
    "Server",
    "Session",
    "Watcher",
    "alone_in",
    "ask_server",
    "broken",
    "engine_text",
    "evidence_rows",
    "find_guidellm",
    "find_monitor",
    "known_settings",
    "load_measurement",
    "longest_s",
    "measure_question",
    "measurement_of",
    "named_by_user",
    "probe",
    "processor_name",
    "read_server_log",
    "rungs",
    "runs_to_save",
    "save_measurement",
    "settings_of",
    "sizes_in",
    "sizes_of",
    "unknown_settings",
    "within_reach",
]
