"""Conversion factors of units."""

SECONDS_PER_HOUR = 3600
HOURS_PER_WEEK = 168
