"""What holds for all tests: a slow computer fails none, and a run can be repeated.

Properties are tried with examples that follow from their own text, so that one which passed passes
again. `pytest --hypothesis-profile=others -m hypothesis` tries others, each time.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "others", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile(
    "repeatable", parent=settings.get_profile("others"), derandomize=True, database=None
)
settings.load_profile("repeatable")
