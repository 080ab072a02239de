"""How a kept answer is renewed: what each test of one says when it fails."""


def how_to_accept(name: str) -> str:
    """The sentence; ``name`` is one of those of ``tests/accept.py``."""
    return f"if the new answer is right, say why in the commit and run: python -m tests.accept {name}"
