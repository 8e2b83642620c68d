"""Least squares: a small solver for smooth problems, and SciPy's for all others.

SciPy's optimisers take a third of a second and 45 MB, so they are loaded when first asked for, and
a site that is calibrated by surveyed points does without.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from traffic_ai.core.geometry import Array

_MOST_STEPS = 200
_SMALLEST_STEP = 1e-12  # of the parameters' own size
_MOST_DAMPED = 1e12


def least_squares(misfit: Callable[[Array], Array], start: Array, **options: Any) -> Any:
    """SciPy's `least_squares`, with its options and its result."""
    import scipy.optimize

    return scipy.optimize.least_squares(misfit, start, **options)


def levenberg_marquardt(
    misfit: Callable[[Array], tuple[Array, Array]], start: Array
) -> tuple[Array, Array, Array]:
    """The parameters (P,) that make the squared misfit least near `start`, the misfit (R,) and its
    Jacobian (R, P) there.

    misfit: of parameters, with its Jacobian. Each parameter is damped by its own column's size
    (Marquardt 1963); a step that makes the misfit larger or not finite is tried again, shorter.
    """
    at = start
    residual, jacobian = misfit(at)
    damping = 1e-3
    for _ in range(_MOST_STEPS):
        scale = np.linalg.norm(jacobian, axis=0)
        damped = np.vstack([jacobian, np.diag(np.sqrt(damping) * scale)])
        wanted = np.concatenate([-residual, np.zeros(len(at))])
        step = np.linalg.lstsq(damped, wanted, rcond=None)[0]
        with np.errstate(all="ignore"):
            tried = misfit(at + step)
        better = tried[0] @ tried[0] < residual @ residual
        if better:
            at = at + step
            residual, jacobian = tried
        damping *= 0.1 if better else 10.0
        if np.linalg.norm(step) <= _SMALLEST_STEP * np.linalg.norm(at) or damping > _MOST_DAMPED:
            break
    return at, residual, jacobian
