"""The profile file: how to write, read and check one."""
