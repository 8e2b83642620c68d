"""How the cost of tracking and rules grows: vehicles, zones, cameras, hours."""
