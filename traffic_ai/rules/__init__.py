"""Rules: observations in, violations and near misses out. One file a rule; exact and repeatable."""
