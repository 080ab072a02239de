"""``melange-cloud prices``."""
