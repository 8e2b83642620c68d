"""Drawing a world: vehicles, road and surroundings as solids in light, and the lens before them."""
