"""Which of two fleets or regions is cheaper, and how sure that is."""
