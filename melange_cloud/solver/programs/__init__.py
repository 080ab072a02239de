"""The solvers as programs: where they are (``find``), how they are run, and how their output is read."""
