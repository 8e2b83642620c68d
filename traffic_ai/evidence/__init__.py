"""What lets a violation be checked again later: stills, a clip and a manifest."""
