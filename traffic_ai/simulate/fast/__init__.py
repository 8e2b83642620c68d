"""Worlds without pictures: boxes as the detector would give them, through tracker and rules.

sights       where each vehicle is in the picture, exactly, and what nearer ones leave of it
errors       how the detector's boxes differ from that, as measured
detections   the two together: what the detector would have given for every frame
signals      what a reader would have known of the signals
identities   a tracker that knows who is who, and swaps identities when told
run          the whole: world and seed -> findings and tracks
folder       the same as a run folder, which every command reads
"""
