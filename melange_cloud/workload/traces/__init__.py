"""Request logs in CSV, JSON Lines or Parquet: what the columns hold, how times are written, what is counted.

Start with ``read``; ``from_csv``, ``from_json_lines`` and ``from_parquet`` read one format each.
"""
