"""Profiles that are estimated: computed when they are asked, and those of a model that is known by its config."""
