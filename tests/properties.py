"""How many examples properties try: few on a laptop, all in CI.

Hypothesis has three profiles: ``quick`` is the default, ``thorough`` is what CI runs (``CI=true``), and ``explore``
(``pytest --hypothesis-profile explore``) looks at new examples and prints how to repeat what it finds. The first two
try the same examples on every machine, however slow: a suite that turns red has met a change, not chance or a clock.
"""

import os

from hypothesis import HealthCheck, settings

THOROUGH = 100
"""Examples of a property that names no number; a laptop tries a third, and exploring takes three times as many."""


def load_profile() -> None:
    """Register the three and load the one for this machine."""
    common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
    settings.register_profile("quick", common, derandomize=True, max_examples=THOROUGH // 3)
    settings.register_profile("thorough", common, derandomize=True, max_examples=THOROUGH)
    settings.register_profile("explore", common, derandomize=False, max_examples=3 * THOROUGH)
    settings.load_profile("thorough" if os.environ.get("CI") else "quick")


def examples(thorough: int) -> int:
    """The ``max_examples`` of a property that tries so many in CI; at least three."""
    return max(3, round(thorough * settings().max_examples / THOROUGH))
