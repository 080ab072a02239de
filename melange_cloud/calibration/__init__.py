"""For maintainers: fits the constants of the estimator to measurements, chooses pins, and writes the report card.

Only ``cli/maintain`` imports it.
"""
