"""Upper bounds of an instance that is for rent; at least a hundred times what is sold today."""

MOST_USD_PER_HOUR = 1_000_000.0
MOST_GPUS = 1_024
MOST_VCPUS = 100_000
MOST_MEMORY_GIB = 1_000_000.0

MOST_INSTANCES = 1_000_000
"""Limit of the instances of one type in today's fleet, and of the requests/s that we plan for."""
