"""Renders the Mandelbrot set in tiles, for many processes at once, and joins the tiles into a picture.

    mandelbrot.py tile NUMBER TILES SAMPLES FILE    one horizontal strip; SAMPLES² points for each pixel
    mandelbrot.py join PICTURE.png FILE…            the strips, top to bottom
    mandelbrot.py seconds                           how long the whole picture takes one core with SAMPLES = 1, roughly
"""

import math
import struct
import sys
import time
import zlib

WIDTH, HEIGHT = 960, 640
LEFT, RIGHT, TOP, BOTTOM = -2.2, 1.0, 1.07, -1.07
DEPTH = 120


def escape_time(x, y):
    """A smooth count of steps until the point escapes; 0 where it stays."""
    a = b = 0.0
    for step in range(DEPTH):
        a, b = a * a - b * b + x, 2 * a * b + y
        if a * a + b * b > 16:
            return step + 2 - math.log2(math.log2(a * a + b * b))
    return 0.0


def colour(value):
    if value == 0:
        return (8, 8, 24)
    phase = math.sqrt(value / DEPTH) * 6.3
    return tuple(int(127.5 + 127.5 * math.sin(phase + shift)) for shift in (4.2, 5.0, 0.4))


def pixel(column, row, samples, width=WIDTH, height=HEIGHT):
    total = [0, 0, 0]
    for i in range(samples):
        for j in range(samples):
            x = LEFT + (RIGHT - LEFT) * (column + (i + 0.5) / samples) / width
            y = TOP + (BOTTOM - TOP) * (row + (j + 0.5) / samples) / height
            total = [t + c for t, c in zip(total, colour(escape_time(x, y)))]
    return bytes(t // (samples * samples) for t in total)


def render_tile(number, tiles, samples, path):
    first, last = HEIGHT * number // tiles, HEIGHT * (number + 1) // tiles
    with open(path, "wb") as file:
        for row in range(first, last):
            file.write(b"".join(pixel(column, row, samples) for column in range(WIDTH)))


def join(picture, paths):
    pixels = b"".join(open(path, "rb").read() for path in paths)
    if len(pixels) != WIDTH * HEIGHT * 3:
        sys.exit(f"the tiles hold {len(pixels)} bytes, and a picture {WIDTH * HEIGHT * 3}")
    rows = b"".join(b"\0" + pixels[at : at + WIDTH * 3] for at in range(0, len(pixels), WIDTH * 3))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(picture, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def seconds():
    scale = 8
    start = time.perf_counter()
    for row in range(HEIGHT // scale):
        for column in range(WIDTH // scale):
            pixel(column, row, 1, WIDTH // scale, HEIGHT // scale)
    return (time.perf_counter() - start) * scale * scale


def main(arguments):
    if len(arguments) == 5 and arguments[0] == "tile":
        render_tile(int(arguments[1]), int(arguments[2]), int(arguments[3]), arguments[4])
    elif len(arguments) >= 3 and arguments[0] == "join":
        join(arguments[1], arguments[2:])
    elif arguments == ["seconds"]:
        print(f"{seconds():.3f}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
