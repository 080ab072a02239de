"""How the cheapest fleet moves with one quantity: the stretches of values over which it stays the same."""
