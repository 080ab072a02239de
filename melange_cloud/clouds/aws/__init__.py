"""AWS prices: ``AwsPrices`` asks the APIs with the user's credentials, ``PublicAwsPrices`` reads the public list."""

from melange_cloud.clouds.aws.bulk import PublicAwsPrices
from melange_cloud.clouds.aws.source import AwsPrices

__all__ = ["AwsPrices", "PublicAwsPrices"]
