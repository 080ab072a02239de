"""Profiles that are estimated: the shipped ones as text, and those of a model that is known by its config."""
