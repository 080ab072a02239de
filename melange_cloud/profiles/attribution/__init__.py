"""Attributes runs to a model, precision, GPU and degree, from options and from the results."""
