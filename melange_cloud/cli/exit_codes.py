"""Exit codes that are not those of an expected error (errors.py has these)."""

UNSERVABLE = 3  # nothing can serve what was asked
NO_DATA = 5  # what was asked for is not known
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE
