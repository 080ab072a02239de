"""Which of two fleets or regions is cheaper, and how certain that is."""
