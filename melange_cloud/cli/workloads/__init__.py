"""``melange-cloud workloads``."""
