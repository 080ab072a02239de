"""GPU kinds and the closed lists of words that options and files may use."""

from typing import NamedTuple

GPUS = ("L4", "A10G", "A100-40GB", "A100-80GB", "H100")
"""The GPUs that melange-cloud plans with, least memory bandwidth first (H100 Mega is an H100)."""

PROVIDERS = ("aws", "gcp")
PURCHASES = ("on_demand", "spot", "commit_1y", "commit_3y")
ROUTERS = ("plain", "prompt", "oracle")
GRADES = ("A", "B", "C", "D")
"""How far to trust an operating point: A measured, B calibrated on that GPU, C on a few points, D borrowed."""


class Kind(NamedTuple):
    """A GPU at one degree of tensor parallelism: what a profile describes and a replica runs on."""

    gpu: str
    tensor_parallel: int

    def per_instance(self, gpu: str, gpu_count: int) -> int:
        """Replicas that an instance with ``gpu_count`` of a GPU hosts; 0 if it has another GPU or too few."""
        return gpu_count // self.tensor_parallel if gpu == self.gpu else 0

    def __str__(self) -> str:
        return self.gpu if self.tensor_parallel == 1 else f"{self.gpu} x{self.tensor_parallel}"
