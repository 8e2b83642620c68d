"""Where stored violations go: tables and lines for other programs."""
