"""Whether a camera still looks where it looked when its lanes were drawn."""
