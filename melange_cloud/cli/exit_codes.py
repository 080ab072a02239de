"""Exit codes that are not those of an expected error (errors.py has these)."""

UNSERVABLE = 3  # nothing can serve the traffic
NO_DATA = 5  # what was requested is unknown
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE
