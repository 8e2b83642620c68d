"""Words for what commands print."""


def several(count: int, what: str) -> str:
    """A count of something, by its name for one: 1 near miss, 2 near misses."""
    ending = "" if count == 1 else "es" if what.endswith("s") else "s"
    return f"{count} {what}{ending}"
