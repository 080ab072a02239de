"""How long one step of a replica takes, for any profile: what a simulation of replicas needs from a profile."""
