"""Ranges of request sizes: where they end, and how a workload file writes them."""
