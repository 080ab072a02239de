"""``melange-cloud profiles``."""
