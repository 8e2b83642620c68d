"""SciPy's assignment solver, loaded when first asked for and without the package around it."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from traffic_ai.core.geometry import Array


def linear_sum_assignment(cost: Array) -> Any:
    """`scipy.optimize.linear_sum_assignment`: rows and columns of the cheapest assignment."""
    return _solver().linear_sum_assignment(cost)


@cache
def _solver() -> Any:
    """The compiled module that holds it, or SciPy's optimisers where that is not to be found.

    These take a third of a second and 45 MB to load, of which the solver needs next to nothing.
    """
    package = find_spec("scipy")
    for folder in (package and package.submodule_search_locations) or ():
        for file in (Path(folder) / "optimize").glob("_lsap.*"):
            spec = spec_from_file_location("_lsap", file)
            if spec is None or spec.loader is None:
                continue
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            if hasattr(module, "linear_sum_assignment"):
                return module
    return import_module("scipy.optimize")
