import numpy as np
import pytest
import scipy.optimize

from traffic_ai.calibration.solver import levenberg_marquardt


def curve(at):
    """Misfit of a * exp(b * x) to points, and its Jacobian."""
    x = np.linspace(0.0, 2.0, 9)
    y = 3.0 * np.exp(-1.3 * x) + 0.05 * np.cos(9.0 * x)
    grown = np.exp(at[1] * x)
    return at[0] * grown - y, np.column_stack([grown, at[0] * x * grown])


@pytest.mark.parametrize("start", [(1.0, 0.0), (3.0, -1.0), (20.0, 1.0)])
def test_it_finds_what_scipy_finds(start):
    found, misfit, jacobian = levenberg_marquardt(curve, np.array(start))
    wanted = scipy.optimize.least_squares(
        lambda at: curve(at)[0], np.array([3.0, -1.3]), method="lm", xtol=1e-12, ftol=1e-15
    )
    assert found == pytest.approx(wanted.x, rel=1e-7)
    assert misfit @ misfit == pytest.approx(2.0 * wanted.cost, rel=1e-9)
    assert np.abs(jacobian.T @ misfit).max() < 1e-6


def test_it_stops_where_the_misfit_is_nothing():
    found, misfit, _ = levenberg_marquardt(
        lambda at: (at - 2.0, np.eye(2)), np.array([5.0, -100.0])
    )
    assert found.tolist() == pytest.approx([2.0, 2.0])
    assert np.abs(misfit).max() < 1e-9
