"""Today's prices: which sources are queried (``policy``, ``fetch``), how they are layered, which notices follow."""
