"""Pictures that are missing from an H.264 stream, told by the numbers in its slice headers.

A network or a busy camera may lose a picture whole. FFmpeg then decodes the following ones on the
wrong picture, so that they show what is not there, and does not mark them (measured; of H.265 it
shows nothing until the next key frame). ITU-T H.264, 7.3.2.1.1, 7.3.3 and 7.4.3.
"""

from collections.abc import Iterator

_START = b"\x00\x00\x01"
_SLICE, _KEY_SLICE, _PARAMETERS = 1, 5, 7
_WITH_CHROMA = frozenset((44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244))
_HEADER_BYTES = 32
"""More than the beginning of a slice header takes."""


class FrameNumbers:
    """Follows the frame numbers of one stream; `skips` is called with each packet, in order.

    extradata: the stream's parameter sets, where they are told beforehand. What is not H.264 with
    start codes, or allows gaps in its numbers, is never said to skip.
    """

    def __init__(self, extradata: bytes | None = None) -> None:
        self._bits: int | None = None
        self._planes = False
        self._previous: int | None = None
        for unit in _units(extradata or b""):
            self._learn(unit)

    def skips(self, data: bytes) -> bool:
        """Whether pictures that others build on are missing before this packet's."""
        for unit in _units(data):
            kind = unit[0] & 31
            if kind == _PARAMETERS:
                self._learn(unit)
            elif kind in (_SLICE, _KEY_SLICE):
                return self._follow(unit, kind)
        return False

    def _follow(self, unit: bytes, kind: int) -> bool:
        if self._bits is None:
            return False
        try:
            number = self._number(unit)
        except IndexError:  # damaged, which the decoder tells
            return False
        before, following = self._previous, 1 << self._bits
        if unit[0] & 0x60:  # others build on it
            self._previous = number
        if kind == _KEY_SLICE or before is None:
            return False
        return number not in (before, (before + 1) % following)

    def _number(self, unit: bytes) -> int:
        bits = _Bits(unit[1:_HEADER_BYTES])
        for _ in range(3):  # first macroblock, slice type, parameter set
            bits.unsigned()
        if self._planes:
            bits.take(2)
        assert self._bits is not None
        return bits.take(self._bits)

    def _learn(self, unit: bytes) -> None:
        try:
            self._bits, self._planes = _numbering(unit)
        except IndexError:
            self._bits = None


def _numbering(unit: bytes) -> tuple[int | None, bool]:
    """How long frame numbers are in bits, None where they may have gaps; whether colour planes
    are coded apart. Raises IndexError where the parameter set is cut short.
    """
    profile, planes = unit[1], False
    bits = _Bits(unit[4:])
    bits.unsigned()
    if profile in _WITH_CHROMA:
        chroma = bits.unsigned()
        planes = chroma == 3 and bits.take(1) == 1
        bits.unsigned()
        bits.unsigned()
        bits.take(1)
        if bits.take(1):
            for index in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    length = bits.unsigned() + 4
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.take(1)
        for _ in range(2):
            bits.unsigned()
        for _ in range(bits.unsigned()):
            bits.unsigned()
    bits.unsigned()
    return (None if bits.take(1) else length), planes


def _skip_scaling_list(bits: "_Bits", size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            coded = bits.unsigned()
            following = (last + (-(coded // 2) if coded % 2 == 0 else (coded + 1) // 2)) % 256
        last = following or last


def _units(data: bytes) -> Iterator[bytes]:
    """The NAL units of a packet that begins with a start code, each from its header on."""
    at = data.find(_START, 0, 5)
    while at >= 0 and at + 3 < len(data):
        end = data.find(_START, at + 3)
        yield data[at + 3 : end if end >= 0 else len(data)]
        at = end


class _Bits:
    """Reads bits and Exp-Golomb numbers of a NAL unit. Raises IndexError at its end."""

    def __init__(self, data: bytes) -> None:
        payload = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(payload, "big")
        self._left = 8 * len(payload)

    def take(self, count: int) -> int:
        if count > self._left:
            raise IndexError
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        zeros = 0
        while self.take(1) == 0:
            zeros += 1
            if zeros > 32:
                raise IndexError
        return (1 << zeros) - 1 + self.take(zeros)
