"""The road-plane tracker against ByteTrack, OC-SORT and SORT of the package `trackers`."""
