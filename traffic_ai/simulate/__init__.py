"""A road with exact truth: scenarios become worlds, worlds become video, truth and site files.

`traffic` makes a `World` of a scenario, `draw` shows it, `fast` takes it to the rules without
pictures; `make` writes its files.
"""
