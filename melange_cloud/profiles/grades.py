"""What the grades of a profile's points mean."""

ERROR_OF_GRADE = {"A": 0.1, "B": 0.25, "C": 0.3, "D": 0.5}
"""The fraction by which a rate of a grade may be off; profiles/README.md says how often it was off by more."""
