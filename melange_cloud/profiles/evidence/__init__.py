"""Measured rows: who measured them, how to read and check them, and where they contradict each other."""
