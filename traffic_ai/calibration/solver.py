"""Least squares, loaded when it is first asked for.

SciPy's optimisers take a third of a second and 45 MB, which a site without a calibration need not
spend.
"""

from collections.abc import Callable
from typing import Any

from traffic_ai.core.geometry import Array


def least_squares(misfit: Callable[[Array], Array], start: Array, **options: Any) -> Any:
    """SciPy's `least_squares`, with its options and its result."""
    import scipy.optimize

    return scipy.optimize.least_squares(misfit, start, **options)
