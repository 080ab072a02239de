"""What a question may leave open, and what then holds: the defaults, each once.

The help of the command line is made from them, and a test compares it with what the planner does. A default that
shapes an answer is named in the answer (``Plan.defaulted``).
"""

DEFAULT_MODEL = "llama-3.1-8b"
DEFAULT_WORKLOAD = "conversation"
DEFAULT_PEAK_REQUESTS_PER_S = 10.0
"""Where neither the question nor the workload says a rate: an example, as the default workload is."""
DEFAULT_HEADROOM = 0.2
DEFAULT_TPOT_MS = 100.0
DEFAULT_ROUTER = "plain"
DEFAULT_API_SERVERS = 1
"""vLLM's own default for ``--api-server-count``."""
DEFAULT_PURCHASE = "on_demand"
DEFAULT_SOLD_AS = "proven"
DEFAULT_SPARE, DEFAULT_SPOT_SPARE = 0, 1
"""Instances kept in reserve; spot is taken back with minutes' notice."""
HOST_MEMORY_BESIDE_WEIGHTS_GIB = 8.0
"""Host memory that loading a model needs besides its weights: runtime, page cache, pinned buffers (DESIGN.md)."""
HEATMAP_REGION = "us-east-1"
DEFAULT_SOLVER = "auto"
FIGURE_LIMIT_S = 10
"""Seconds for each figure besides the plan (a router, a changed question, an end of the errors), which are many; what
is not proven by then is marked so."""
DEFAULT_HOURS_PER_MONTH = 730.0
DEFAULT_ALTERNATIVES = 3
DEFAULT_STAY_WITHIN = 0.02
