"""Google Cloud: prices of GPU machine types from the SKUs of their parts.

Google lists no price of a machine type. It lists vCPU, memory, GPU and local SSD apart (``skus``), which are added up
(``compose``) for the machine types that a region has (``machines``); ``client`` is where Google's libraries are met.
"""

from melange_cloud.clouds.gcp.client import GcpPatience
from melange_cloud.clouds.gcp.source import GcpPrices

__all__ = ["GcpPatience", "GcpPrices"]
