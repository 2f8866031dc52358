"""Reads the size of an image from its first bytes, before a decoder allocates memory for its pixels.

Only the four formats that mien accepts are known. OpenCV decodes others, whatever the name of the file is (JPEG 2000,
TIFF, EXR and more), and its decoders of those have had the most vulnerabilities.
"""

from __future__ import annotations

import struct

#: Markers of a JPEG's frame header, which has its size: SOF0 to SOF15 without DHT, JPG and DAC (ITU-T T.81, table B.1).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Markers without a length: TEM, RST0 to RST7 and SOI.
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels of a JPEG, PNG, BMP or WebP file.

    Args:
        data: the file.

    Raises:
        ValueError: it is none of these, or its header is damaged.
    """
    head = data[:32]
    try:
        if head.startswith(b"\xff\xd8\xff"):
            return _jpeg_size(data)
        if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
            width, height = struct.unpack(">II", head[16:24])
            _check_png_chunks(data)
        elif head.startswith(b"BM"):
            (header,) = struct.unpack("<I", head[14:18])
            width, height = struct.unpack("<HH", head[18:22]) if header == 12 else struct.unpack("<ii", head[18:26])
        elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            width, height = _webp_size(head)
        else:
            raise ValueError("it is not a JPEG, PNG, BMP or WebP")
    except struct.error as error:
        raise ValueError("its header is cut off") from error
    # The height of a BMP is negative where its first row is the top one.
    if width <= 0 or height == 0:
        raise ValueError(f"its header names a size of {width} x {height}")
    return width, abs(height)


def _check_png_chunks(data: bytes) -> None:
    """See the PNG specification, 5.3. A decoder may allocate what a chunk claims, up to 2 GB, before it reads on."""
    position, kind = 8, b""
    while position < len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        position += 12 + length
    if position > len(data):
        raise ValueError("it is cut off, or one of its chunks claims more bytes than it has")


def _webp_size(head: bytes) -> tuple[int, int]:
    """See the WebP container specification, and RFC 6386, 9.1, for the lossy format."""
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = struct.unpack("<I", head[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("it is no WebP of a known kind")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    position = 2
    while True:
        if data[position : position + 1] != b"\xff":
            raise ValueError("its header is damaged")
        while data[position : position + 1] == b"\xff":
            position += 1
        marker = struct.unpack_from("B", data, position)[0]
        position += 1
        if marker in _JPEG_ALONE:
            continue
        (length,) = struct.unpack_from(">H", data, position)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 3)
            if width == 0 or height == 0:
                raise ValueError(f"its header names a size of {width} x {height}")
            return width, height
        # The scan begins: there was no frame header.
        if marker in (0xDA, 0xD9) or length < 2:
            raise ValueError("its header is damaged")
        position += length
