"""Exit codes that are not those of an expected error (errors.py has these)."""

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE
