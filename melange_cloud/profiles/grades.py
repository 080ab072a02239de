"""The meaning of the grades of a profile's points."""

ERROR_OF_GRADE = {"A": 0.1, "B": 0.2, "C": 0.3, "D": 0.5}
"""The fraction by which a rate of a grade may be off. B and C are chosen so that they include nine in ten of the
measured rates that were not used to fit constants: profiles/report_card.csv has the shares, and a test checks them. A
is the error of a user's own measurement; published ones are off by more (``PIN_ERROR``). For D little or nothing was
measured."""
