"""traffic-ai: red-light, wrong-way and speeding violations from ordinary camera video."""

__version__: str
__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """`__version__`, looked up when asked for: that reads files, and most commands need it not."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("traffic-ai")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0.0.0"
