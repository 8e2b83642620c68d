"""What the tests of hostile input share."""

from tests.cli.conftest import call, no_key

__all__ = ["call", "no_key"]
