"""Why a plan is what it is: its limits, what came second, what would enter at which price."""
