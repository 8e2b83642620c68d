"""What holds records to account: replayed, explained, sealed and verified."""
