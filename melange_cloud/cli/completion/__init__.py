"""Completion of commands, options and their values in bash, zsh and fish, from what ships: never from the network."""
