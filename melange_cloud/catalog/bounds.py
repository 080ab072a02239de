"""What an instance that is for rent can be at most; at least a hundred times what is sold today."""

MOST_USD_PER_HOUR = 1_000_000.0
MOST_GPUS = 1_024
MOST_VCPUS = 100_000
MOST_MEMORY_GIB = 1_000_000.0

MOST_INSTANCES = 1_000_000
"""Instances of one type in a fleet that runs today; as many requests/s are the most that is planned for."""
