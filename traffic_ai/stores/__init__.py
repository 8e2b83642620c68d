"""Where violations are kept: one database per run folder."""
