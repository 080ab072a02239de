"""Commands for the maintainers of melange-cloud: renewing the shipped prices, calibrating the estimator."""
