"""Prices that were fetched, kept between runs: ``store`` reads and writes the files, ``format`` is what they say."""
