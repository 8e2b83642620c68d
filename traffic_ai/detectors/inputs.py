"""Which inputs of a graph can be fed: one rule for every runtime."""

from collections.abc import Sequence

from traffic_ai.core.errors import UnusableModelError
from traffic_ai.detectors.letterbox import STRIDE_PX


def checked_input(
    where: str, inputs: Sequence[tuple[str, bool, Sequence[int | None]]]
) -> tuple[int, int] | None:
    """The (width, height) a graph's input is fixed to, None where it is open.

    inputs: of each its description for messages, whether it is float32, and its sizes with None
    where open. Raises UnusableModelError unless there is one, float32 [1, 3, H, W].
    """
    is_float, shape = (inputs[0][1], inputs[0][2]) if len(inputs) == 1 else (False, ())
    batch, channels, *size = shape if len(shape) == 4 else (0, 0)
    fixed = [side for side in size if side is not None]
    if (
        not is_float
        or batch not in (1, None)
        or channels != 3
        or len(fixed) == 1
        or any(side <= 0 or side % STRIDE_PX for side in fixed)
    ):
        found = ", ".join(text for text, _, _ in inputs) or "none"
        raise UnusableModelError(
            f"{where}: input is {found}; wanted one tensor(float) [1, 3, H, W] with sides a "
            f"multiple of {STRIDE_PX}; export it with batch=1 and without half"
        )
    return (fixed[1], fixed[0]) if fixed else None
