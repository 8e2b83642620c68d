"""Recorded footage in batches: many files, resumable, evidence beside the store."""
