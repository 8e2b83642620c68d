"""SciPy's assignment solver, loaded when it is first asked for and without the package around it."""

from functools import cache
from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from traffic_ai.core.geometry import Array

_NAME = "_lsap"


def linear_sum_assignment(cost: Array) -> Any:
    """`scipy.optimize.linear_sum_assignment`: rows and columns of the cheapest assignment."""
    return _solver().linear_sum_assignment(cost)


@cache
def _solver() -> Any:
    """The compiled module that holds it, or SciPy's optimisers where that is not to be found.

    These take a third of a second and 45 MB to load, of which the solver needs next to nothing.
    """
    scipy = find_spec("scipy")
    for folder in (scipy and scipy.submodule_search_locations) or ():
        for file in sorted((Path(folder) / "optimize").glob(f"{_NAME}.*")):
            try:
                loader = ExtensionFileLoader(_NAME, str(file))
                spec = spec_from_file_location(_NAME, file, loader=loader)
                if spec is not None:
                    module = module_from_spec(spec)
                    loader.exec_module(module)
                    module.linear_sum_assignment  # noqa: B018
                    return module
            except (ImportError, AttributeError):
                continue
    import scipy.optimize

    return scipy.optimize
