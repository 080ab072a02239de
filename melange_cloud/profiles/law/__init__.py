"""How long one step of a replica of any profile takes: what a simulation of replicas needs of a profile."""
