"""What the grades of a profile's points mean."""

ERROR_OF_GRADE = {"A": 0.1, "B": 0.2, "C": 0.3, "D": 0.5}
"""The fraction by which a rate of a grade may be off. B and C are chosen so that nine in ten measured rates that had no
part in the constants lie within: profiles/report_card.csv has the shares, and a test holds them. A is what a user's own
measurement may be off; published ones are off by more (``PIN_ERROR``). Of D little or nothing was measured."""
