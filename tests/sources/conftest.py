"""What holds for all tests of sources."""

import pytest

from traffic_ai.sources import reader


@pytest.fixture(autouse=True)
def _patient_readers(monkeypatch):
    """A reader that is a thread of the test leaves out no frame because this computer is busy."""
    monkeypatch.setattr(reader, "_SLOT_WAIT_S", 20.0)
    monkeypatch.setattr(reader, "_PATIENCE_S", 20.0)
