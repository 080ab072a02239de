"""Logs of requests, CSV, JSON Lines or Parquet: which columns hold what, how times are written, what is counted.

``read`` begins; ``from_csv``, ``from_json_lines`` and ``from_parquet`` read one format each.
"""
