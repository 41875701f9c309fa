# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Screenshots: the pixels of a PNG file, and their checksum."""

import struct
import zlib


class PngError(Exception):
    """The file is not what a screenshot looks like."""


def _unfilter(kind, line, above, step):
    """Undo a PNG filter in place; step is the bytes of a pixel."""
    if kind == 1:
        for i in range(step, len(line)):
            line[i] = (line[i] + line[i - step]) & 0xff
    elif kind == 2:
        for i, up in enumerate(above):
            line[i] = (line[i] + up) & 0xff
    elif kind == 3:
        for i, up in enumerate(above):
            left = line[i - step] if i >= step else 0
            line[i] = (line[i] + (left + up) // 2) & 0xff
    elif kind == 4:
        for i, up in enumerate(above):
            left, corner = (line[i - step], above[i - step]) if i >= step else (0, 0)
            far_left = abs(up - corner)
            far_up = abs(left - corner)
            far_corner = abs(left + up - 2 * corner)
            if far_left <= far_up and far_left <= far_corner:
                guess = left
            elif far_up <= far_corner:
                guess = up
            else:
                guess = corner
            line[i] = (line[i] + guess) & 0xff
    elif kind:
        raise PngError("the screenshot is no good PNG file")


def _chunks(data):
    at = 8
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        yield name, data[at + 8:at + 8 + length]
        at += length + 12


def read(path):
    """Width, height and the rows of a PNG file, each red, green, blue, red, ..."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise PngError(f"{path} is no PNG file")
    header, packed = None, b""
    for name, body in _chunks(data):
        if name == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif name == b"IDAT":
            packed += body
    width, height, depth, color, _, _, interlace = header
    if depth != 8 or color not in (2, 6) or interlace:
        raise PngError(f"{path} is not a plain 8-bit RGB picture")
    step = 3 if color == 2 else 4
    raw = zlib.decompress(packed)
    rows, above, size = [], bytes(width * step), width * step + 1
    for y in range(height):
        line = bytearray(raw[y * size + 1:(y + 1) * size])
        _unfilter(raw[y * size], line, above, step)
        above = bytes(line)
        if step == 4:
            del line[3::4]
        rows.append(bytes(line))
    return width, height, rows


def pixels(row, left, right):
    """Pixels of a row as a frame has them: blue, green, red, and 0 for the padding."""
    part = row[left * 3:right * 3]
    out = bytearray((right - left) * 4)
    out[0::4], out[1::4], out[2::4] = part[2::3], part[1::3], part[0::3]
    return out


def crc(path):
    """Checksum of a whole picture, as the programs in the guest compute it."""
    width, _, rows = read(path)
    value = 0
    for row in rows:
        value = zlib.crc32(pixels(row, 0, width), value)
    return f"{value:08x}"
