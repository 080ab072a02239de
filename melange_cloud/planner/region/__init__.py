"""One region: its fleet, what else it could be, and both as a RegionPlan."""
