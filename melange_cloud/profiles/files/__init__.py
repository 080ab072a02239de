"""The profile file: how one is written, read and checked."""
