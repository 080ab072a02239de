"""Prices of today: which sources are asked (``policy``, ``fetch``), how they are laid over each other, what is said."""
