"""How many of one unit make another."""

SECONDS_PER_HOUR = 3600
HOURS_PER_WEEK = 168
