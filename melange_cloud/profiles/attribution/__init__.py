"""Whose runs they are: model, precision, GPU and degree, from options and from what the results say."""
