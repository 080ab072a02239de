"""The solver programs: how to find them, run them, and read their output."""
