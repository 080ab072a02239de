"""Where the operating points of a profile come from: a file, or the estimator."""

from typing import Protocol

from melange_cloud.domain import Kind, OperatingPoint
from melange_cloud.profiles.files.profile_header import Header
from melange_cloud.profiles.points import SizePoints


class PointTable(Protocol):
    """Operating points by kind and request size.

    Attributes:
        any_size: whether it knows every size, not only those that it lists.
    """

    @property
    def any_size(self) -> bool:  # noqa: D102
        ...

    @property
    def header(self) -> Header:
        """What it declares of itself."""
        ...

    def sizes(self, kind: Kind) -> tuple[tuple[int, int], ...]:
        """The (input, output) tokens that it lists, sorted; empty where it knows no such kind."""
        ...

    def points(self, kind: Kind, size: tuple[int, int]) -> tuple[OperatingPoint, ...]:
        """The operating points of a size that it lists.

        Raises:
            BadFile: a row that is needed is broken.
        """
        ...

    def rates(self, kind: Kind, size: tuple[float, float]) -> SizePoints:
        """What MaxTput needs of a size: one that it lists, or any if it knows any.

        Raises:
            BadFile: a row that is needed is broken.
        """
        ...
