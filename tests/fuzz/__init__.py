"""Mutated inputs for every reader of anything that is not ours: 200 each in CI, 10,000 by ``python -m tests.fuzz``."""
