"""Parts of a picture (left, top, right, bottom) that change from frame to frame."""

from collections.abc import Iterable

Window = tuple[int, int, int, int]

# Two windows become one where that costs at most so much more area than both.
_WASTE = 1.15


def window_of(window: tuple[slice, slice]) -> Window:
    """A window of rows and columns."""
    rows, columns = window
    return columns.start, rows.start, columns.stop, rows.stop


def slices(window: Window) -> tuple[slice, slice]:
    """Its rows and columns."""
    return slice(window[1], window[3]), slice(window[0], window[2])


def padded(window: Window, margin_px: int, size_px: tuple[int, int]) -> Window:
    """The window grown on all sides, within a picture of that width and height."""
    return (
        max(window[0] - margin_px, 0),
        max(window[1] - margin_px, 0),
        min(window[2] + margin_px, size_px[0]),
        min(window[3] + margin_px, size_px[1]),
    )


def merged(windows: Iterable[Window]) -> list[Window]:
    """Windows that cover the same, fewer where that is no more work."""
    found: list[Window] = []
    for window in sorted(w for w in windows if w[0] < w[2] and w[1] < w[3]):
        for number, other in enumerate(found):
            union = (
                min(window[0], other[0]),
                min(window[1], other[1]),
                max(window[2], other[2]),
                max(window[3], other[3]),
            )
            if _area(union) <= _WASTE * (_area(window) + _area(other)):
                found[number] = union
                break
        else:
            found.append(window)
    return found


def _area(window: Window) -> int:
    return (window[2] - window[0]) * (window[3] - window[1])
