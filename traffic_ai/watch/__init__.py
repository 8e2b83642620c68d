"""Live cameras: watched until told to stop, each with sessions of its own."""
