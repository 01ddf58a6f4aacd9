"""From a photo to its digits: shadows, ruled lines, noise, rotation, and files that are none."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_core import load_default_model
from mnist_core.data import mnist
from mnist_core.drawing.partition import best_groups
from mnist_core.drawing.photo import find_in_picture, find_photo, read_photo
from mnist_core.drawing.picture_decoder import Refused, decode
from mnist_core.drawing.picture_file import MAX_BYTES, PhotoError, open_picture
from mnist_core.drawing.predict import predict
from mnist_core.drawing.segment import Box, find_groups, reading_lines
from tests.support.photos import as_file, photo

CONDITIONS = {
    "plain": {},
    "uneven light": {"shade": 0.55},
    "shadow": {"shadow": 0.5},
    "noise": {"noise": 12},
    "turned": {"tilt": -6},
    "ruled": {"ruled": 165},
    "dark lines": {"ruled": 110},
    "turned lines": {"ruled": 150, "tilt": 2.5},
    "all at once": {"shade": 0.3, "shadow": 0.35, "noise": 8, "tilt": 3, "ruled": 165},
    "blackboard": {"paper": (40, 60, 50), "ink": (230, 230, 225), "noise": 5},
    "pencil": {"ink": (130, 130, 130), "noise": 6, "shade": 0.3},
    "red pen": {"ink": (200, 60, 60)},
    "dim blue pen": {"ink": (135, 145, 190), "noise": 4, "shade": 0.35},
    "small": {"size": 64},
    "deep shadow over half of it": {"shadow": 0.7, "paper": (236, 232, 224), "size": 80},
    "on a dark table": {"table": (70, 50, 40), "noise": 3},
    "on a light table": {"table": (190, 160, 120), "noise": 3},
}


def opened(data):
    """The file as pixels, decoded in this process, which takes no time to start."""
    return decode(data)[0]


ROWS = [[8, 6, 5, 2, 3, 0], [0, 7, 1, 4, 9]]


def read(found):
    images = np.stack([digit.steps.image28 for digit in found.digits])
    return predict(load_default_model(), images).argmax(1)


@pytest.mark.parametrize("name", CONDITIONS)
def test_digits_on_paper_are_found_and_read_in_order(name):
    right = count = 0
    for seed in (0, 1):
        image, used = photo(ROWS, seed=seed, **CONDITIONS[name])
        found = find_in_picture(opened(as_file(image, quality=85)))
        assert len(found.digits) == len(used)
        right += int((read(found) == mnist.load().y_test[used]).sum())
        count += len(used)
    assert right >= count - 2


def test_reading_a_file_gives_digits_with_their_places():
    image, used = photo([[3, 1, 4]], noise=2)
    found = read_photo(as_file(image))
    assert [reading.digit for reading in found] == mnist.load().y_test[used].tolist()
    assert all(reading.looks_like_digit for reading in found)
    boxes = [reading.box for reading in found if reading.box is not None]
    assert len(boxes) == 3
    assert all(0 <= left < right <= 1200 for left, _, right, _ in boxes)
    assert boxes == sorted(boxes)


def test_one_digit_may_fill_the_picture():
    for seed, digit in enumerate((0, 4, 5, 7)):
        image, _ = photo([[digit]], seed=seed, size=420, shape=(700, 600), shade=0.3)
        assert read(find_photo(as_file(image))).tolist() == [digit]


def test_a_sheet_of_paper_has_no_digits():
    generator = np.random.default_rng(0)
    for pixels in (
        np.full((600, 800, 3), 235, np.uint8),
        np.zeros((600, 800, 3), np.uint8),
        np.clip(generator.normal(200, 8, (600, 800, 3)), 0, 255).astype(np.uint8),
    ):
        assert find_photo(as_file(Image.fromarray(pixels))).digits == ()
    empty, _ = photo([[]], ruled=150, shade=0.4)
    assert find_photo(as_file(empty)).digits == ()


def lines(*strokes, size=(400, 300), width=7):
    """Marks of a pen, bool [H, W]."""
    image = Image.new("1", size)
    for stroke in strokes:
        ImageDraw.Draw(image).line(stroke, fill=1, width=width)
    return np.asarray(image)


def digits_of(mask):
    return best_groups(mask.astype(np.float32), *find_groups(mask, even=False))


def test_a_bar_longer_than_the_digit_below_it_belongs_to_it():
    five = [(100, 100), (100, 130), (140, 135), (150, 165), (130, 190), (95, 185)]
    bar = [(100, 92), (205, 86)]
    next_one = [(220, 95), (215, 190)]
    assert len(digits_of(lines(five, bar, next_one, width=5))) == 2


def test_a_digit_with_a_long_tail_stays_whole_and_digits_that_touch_are_parted():
    zero = [(60, 110), (90, 100), (120, 130), (110, 180), (75, 190), (55, 150), (60, 110)]
    tail = [(115, 108), (200, 100)]
    assert len(digits_of(lines(zero, [(90, 100), *tail]))) == 1
    one, other = [(100, 60), (60, 150), (130, 150)], [(125, 60), (125, 240)]
    five = [(210, 60), (150, 60), (150, 130), (200, 140), (210, 200), (170, 240), (140, 230)]
    touching = lines(one, other, [(125, 160), (150, 160)], five)
    assert len(digits_of(touching)) == 2


def test_png_and_jpeg_are_known_before_anything_else_has_opened_a_picture():
    code = (
        "import sys; from mnist_core.drawing.picture_file import open_picture; "
        "print(open_picture(sys.stdin.buffer.read())[0].shape)"
    )
    image, _ = photo([[3]], shape=(300, 200), size=90)
    done = subprocess.run(
        [sys.executable, "-c", code], input=as_file(image, "PNG"), capture_output=True, check=False
    )
    assert done.stdout.decode().strip() == "(200, 300, 3)", done.stderr.decode()[-300:]


def test_dark_ink_on_transparent_paper():
    image, used = photo([[2, 7]])
    grey = np.asarray(image.convert("L"))
    clear = np.dstack([np.zeros((*grey.shape, 3), np.uint8), 255 - grey])
    labels = mnist.load().y_test[used].tolist()
    assert read(find_photo(as_file(Image.fromarray(clear), "PNG"))).tolist() == labels


def test_heic_is_read():
    import pillow_heif

    image, used = photo([[3, 1, 4]])
    data = io.BytesIO()
    pillow_heif.from_pillow(image).save(data, quality=80)
    assert read(find_photo(data.getvalue())).tolist() == mnist.load().y_test[used].tolist()


def bomb(side):
    """A PNG of a few kilobytes that says it is `side` pixels wide and high."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" * 1_000_000, 9)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def whole():
    return as_file(photo([[1]])[0])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: b"", "not a PNG"),
        (lambda: b"not a picture at all" * 50, "not a PNG"),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
        (lambda: as_file(photo([[1]])[0], "TIFF"), "not a PNG"),
        (lambda: whole()[:2000], "damaged"),
        (lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "(damaged|not a PNG)"),
        (lambda: bomb(8000), "more than .0 million pixels"),
        (lambda: bomb(60000), "more than .0 million pixels"),
        (lambda: as_file(Image.new("L", (6, 200))), "only 6 × 200 pixels"),
        (lambda: b"\0" * (MAX_BYTES + 1), "10 MB"),
    ],
    ids=["empty", "text", "svg", "tiff", "cut off", "broken", "bomb", "huge bomb", "tiny", "large"],
)
def test_what_cannot_be_read_is_a_sentence(make, sentence):
    with pytest.raises(PhotoError, match=sentence) as error:
        open_picture(make())
    assert str(error.value).endswith(".")


def test_sixteen_bits_a_pixel_and_white_ink_on_nothing():
    image, used = photo([[3, 8]])
    grey = np.asarray(image.convert("L"), np.uint16)
    deep = Image.fromarray(grey * 257)
    assert deep.mode.startswith("I;16")
    labels = mnist.load().y_test[used].tolist()
    assert read(find_photo(as_file(deep, "PNG"))).tolist() == labels
    chalk = np.full((*grey.shape, 4), 255, np.uint8)
    chalk[..., 3] = 255 - np.clip((grey.astype(int) - 60) * 255 // 150, 0, 255)
    assert read(find_photo(as_file(Image.fromarray(chalk), "PNG"))).tolist() == labels


def test_a_sheet_on_a_dark_table_is_no_accident():
    page, _ = photo([[1, 2, 3]], shape=(800, 500))
    table = Image.new("RGB", (1200, 900), (45, 35, 30))
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 6, (900, 1200, 3))
        table.paste(page, (200, 200))
        pixels = np.clip(np.asarray(table, np.float32) + noise, 0, 255).astype(np.uint8)
        for digit in find_photo(as_file(Image.fromarray(pixels))).digits:
            assert np.isfinite(digit.steps.image28).all()


def test_damaged_files_never_raise_anything_else():
    generator = np.random.default_rng(0)
    image = photo([[1]], shape=(300, 200), size=100)[0]
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a digit"
    for kind, options in (("JPEG", {"exif": exif}), ("PNG", {"exif": exif}), ("GIF", {})):
        whole_file = as_file(image, kind, **options)
        for _ in range(120):
            data = bytearray(whole_file)
            for at in generator.integers(0, min(len(data), 600), 4):
                data[at] = generator.integers(0, 256)
            with contextlib.suppress(Refused):
                assert opened(bytes(data)).dtype == np.uint8


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 90}),
        ("BMP", {}),
        ("GIF", {}),
        ("PNG", {}),
    ],
)
def test_every_common_format_is_read(kind, options):
    image, used = photo([[3, 1, 4]], noise=2)
    found = find_in_picture(opened(as_file(image, kind, **options)))
    assert read(found).tolist() == mnist.load().y_test[used].tolist()


def test_an_animation_is_its_first_frame():
    frames = [photo([[digit]], size=300, shape=(500, 400))[0] for digit in (4, 7)]
    data = as_file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read(find_in_picture(opened(data))).tolist() == [4]


MODES = {
    "one bit": lambda image: image.convert("1", dither=Image.Dither.NONE),
    "palette": lambda image: image.quantize(256),
    "grey and transparency": lambda image: image.convert("LA"),
    "four inks": lambda image: image.convert("CMYK"),
}


@pytest.mark.parametrize("name", MODES)
def test_every_way_to_store_colours_is_read(name):
    image, used = photo([[3, 1, 4]], noise=2)
    stored = MODES[name](image)
    found = find_in_picture(opened(as_file(stored, "JPEG" if stored.mode == "CMYK" else "PNG")))
    assert read(found).tolist() == mnist.load().y_test[used].tolist()


# What turns an upright picture into one stored so (Exif's tag 274), for each way but the first.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_is_read_upright_however_it_is_stored(orientation):
    image, used = photo([[2, 7]])
    exif = Image.Exif()
    exif[274] = orientation
    stored = as_file(image.transpose(STORED[orientation]), exif=exif)
    found = find_in_picture(opened(stored))
    assert read(found).tolist() == mnist.load().y_test[used].tolist()


def test_punched_holes_are_no_zeros():
    image, used = photo([[8, 6, 5], [2, 3, 0]], seed=1, ruled=165, noise=3)
    for y in range(150, 900, 200):
        ImageDraw.Draw(image).ellipse((20, y, 64, y + 44), fill=(60, 45, 35))
    found = find_in_picture(opened(as_file(image)))
    assert read(found).tolist() == mnist.load().y_test[used].tolist()


def test_sixteen_bits_that_end_at_255():
    image, used = photo([[3, 8]])
    dim = Image.fromarray(np.asarray(image.convert("L"), np.uint16))
    found = find_in_picture(opened(as_file(dim, "PNG")))
    assert read(found).tolist() == mnist.load().y_test[used].tolist()


def deep_bomb():
    """A PNG of 400 kB with 16 bits in each of four channels of 50 million pixels."""
    side = 7000
    header = struct.pack(">IIBBBBB", side, side + 100, 16, 6, 0, 0, 0)
    packed = zlib.compress(b"\0" * (8 * side + 1) * (side + 100), 9)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_a_picture_is_refused_before_it_is_decoded_to_too_many_bytes():
    with pytest.raises(PhotoError, match="more than 6 million pixels; save it smaller"):
        open_picture(deep_bomb())


def test_lines_are_read_from_the_top_and_from_the_left():
    boxes = [Box(300, 12, 340, 60), Box(10, 200, 50, 260), Box(10, 0, 50, 50), Box(150, 5, 190, 55)]
    assert reading_lines(boxes) == [[2, 3, 0], [1]]
    assert reading_lines([]) == []
