"""Clocks round the parts of the pipeline: processor time of this thread, by stage."""

import time
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Clocked:
    def __init__(
        self, part: object, stage: str, spent_s: dict[str, float], less: tuple[str, ...]
    ) -> None:
        self._part, self._stage, self._spent_s, self._less = part, stage, spent_s, less

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if not callable(value):
            return value
        spent_s, less = self._spent_s, self._less

        def timed(*arguments: Any, **named: Any) -> Any:
            inner_s = sum(spent_s[stage] for stage in less)
            begin_s = time.thread_time()
            try:
                return value(*arguments, **named)
            finally:
                inner_s = sum(spent_s[stage] for stage in less) - inner_s
                spent_s[self._stage] += time.thread_time() - begin_s - inner_s

        return timed


def clocked(part: T, stage: str, spent_s: dict[str, float], *less: str) -> T:
    """Stands for a part; the time of its calls is added to a stage.

    less: stages that are clocked within and do not count here.
    """
    return cast(T, _Clocked(part, stage, spent_s, less))
