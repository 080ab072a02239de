"""Google Cloud: prices of GPU machine types, composed from the SKUs of their parts.

Google does not list prices of machine types. It lists vCPU, memory, GPU and local SSD separately (``skus``); we add
them up (``compose``) for the machine types of a region (``machines``). ``client`` is the edge to Google's libraries.
"""

from melange_cloud.clouds.gcp.client import GcpPatience
from melange_cloud.clouds.gcp.source import GcpPrices

__all__ = ["GcpPatience", "GcpPrices"]
