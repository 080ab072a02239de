"""How a profile answers what a replica serves: on a grid of estimates, among measured points, or both."""
