"""traffic-ai: red-light, wrong-way and speeding violations from ordinary camera video."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("traffic-ai")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
