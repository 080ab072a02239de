"""Commands for who keeps melange-cloud: renewing the shipped prices, calibrating the estimator."""
