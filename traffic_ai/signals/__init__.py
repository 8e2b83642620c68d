"""Signal aspects of each group: from the lamps in the picture, or from a controller log."""
