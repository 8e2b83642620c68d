"""One picture in a file (PNG, JPEG, BMP), decoded only where it is of a reasonable size."""

import io
from pathlib import Path

import av

from traffic_ai.core.errors import SourceError, SourceNotFoundError
from traffic_ai.core.frame import Image
from traffic_ai.sources.container import MAX_PIXELS, set_up_decoder
from traffic_ai.sources.pictures import Converter

_FORMATS = "png_pipe,jpeg_pipe,bmp_pipe"
_MAX_BYTES = 64_000_000


def read_picture(path: Path, max_pixels: int = MAX_PIXELS) -> Image:
    """The picture (H, W, 3), BGR. Raises SourceError, before it takes the memory, where the file
    holds no picture or one of more than max_pixels.
    """
    return decode_picture(_read(path), str(path), max_pixels)


def decode_picture(data: bytes, where: str, max_pixels: int = MAX_PIXELS) -> Image:
    """The picture that a file's bytes hold; `where` names the file in messages."""
    options = {"format_whitelist": _FORMATS, "max_pixels": str(max_pixels)}
    try:
        # From memory: the format is told by the bytes alone, and no other file can be named.
        with av.open(io.BytesIO(data), "r", options=options) as container:
            stream = container.streams.video[0]
            set_up_decoder(stream.codec_context, max_pixels)
            frame = next(container.decode(stream))
            return Converter(0).image(frame)
    except (av.error.FFmpegError, ValueError, IndexError, StopIteration, AttributeError) as error:
        raise SourceError(
            f"{where} is no PNG, JPEG or BMP picture of at most {max_pixels} pixels "
            f"({getattr(error, 'strerror', None) or error or type(error).__name__})"
        ) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"{path}: no such file") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise SourceError(f"{path} is larger than {_MAX_BYTES // 1_000_000} MB")
    return data
