"""Where frames come from: recorded files and live cameras, read with PyAV, with their true time."""
