"""Speeds of real vehicles against a roadside gate, session by session."""
