"""How well the real detector sees what the simulator draws, and how fast it is drawn."""
