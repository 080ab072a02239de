"""Fetched prices, kept between runs: ``store`` reads and writes the files, ``format`` is their content."""
