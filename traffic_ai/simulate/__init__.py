"""The simulated junction: a scripted scene with exact truth, drawn so that a detector believes it.

`python -m traffic_ai.simulate --out sample_videos` makes the demo video and its truth.
"""
