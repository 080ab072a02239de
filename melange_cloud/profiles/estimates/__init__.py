"""Estimated profiles: computed on demand, and those of models known only from a config."""
