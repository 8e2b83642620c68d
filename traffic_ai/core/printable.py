"""Text of others, made harmless to show. Imports nothing, so that commands may."""


def printable(text: str) -> str:
    """The text without what could steer a terminal, break a line or end OpenCV's process."""
    return "".join(c if c.isprintable() else "?" for c in text)
