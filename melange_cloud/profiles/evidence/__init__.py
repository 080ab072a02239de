"""Measured rows: who measured them, how they are read and checked, and where they contradict each other."""
