import subprocess
import sys

import numpy as np
import scipy.optimize

from traffic_ai.tracking import solver


def test_it_is_scipys_solver():
    random = np.random.default_rng(7)
    for shape in ((1, 1), (4, 4), (3, 6), (7, 2)):
        cost = random.random(shape)
        for ours, theirs in zip(
            solver.linear_sum_assignment(cost),
            scipy.optimize.linear_sum_assignment(cost),
            strict=True,
        ):
            assert ours.tolist() == theirs.tolist()


def test_it_does_not_load_what_stands_around_it():
    code = (
        "import sys; from traffic_ai.tracking.solver import linear_sum_assignment as solve\n"
        "solve([[1.0, 2.0], [0.0, 5.0]])\n"
        "sys.exit('scipy.optimize' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_the_compiled_module_is_elsewhere_scipys_optimisers_are_used(monkeypatch):
    monkeypatch.setattr(solver, "find_spec", lambda name: None)
    solver._solver.cache_clear()
    assert solver._solver() is scipy.optimize
    solver._solver.cache_clear()
