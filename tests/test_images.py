"""Pictures come in one way: every kind of pixel is defined, limits hold, damage is one sentence."""
import struct
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from clip_plugins.errors import DataError
from clip_plugins.images import LoadImage, open_image, read_alpha, read_image
from clip_plugins.registry import TRANSFORMS

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
UPRIGHT = np.array([[RED, GREEN, BLUE], [WHITE, RED, GREEN]], np.uint8)  # 2 x 3 pixels


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_rgb_png_comes_back_as_it_was():
    assert np.array_equal(read_image(encoded(Image.fromarray(UPRIGHT))), UPRIGHT)


def test_array_is_uint8_writable_and_contiguous():
    image = read_image(encoded(Image.fromarray(UPRIGHT)))
    assert image.dtype == np.uint8
    assert image.flags.writeable and image.flags.c_contiguous


def test_path_and_bytes_give_the_same(tmp_path: Path):
    file = tmp_path / "größe ♥.png"
    file.write_bytes(encoded(Image.fromarray(UPRIGHT)))
    assert np.array_equal(read_image(file), read_image(file.read_bytes()))
    assert np.array_equal(read_image(str(file)), UPRIGHT)


STORED = {  # orientation -> how a camera that was held so stores the upright picture
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_rotation_is_applied_once(kind: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](UPRIGHT)))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    assert np.array_equal(read_image(encoded(stored, kind, exif=exif, **options)), UPRIGHT)


def test_exif_rotation_of_jpeg():
    exif = Image.Exif()
    exif[0x0112] = 6
    halves = np.zeros((16, 32, 3), np.uint8)
    halves[:, :16] = RED
    image = read_image(encoded(Image.fromarray(halves), "JPEG", exif=exif, quality=95, subsampling=0))
    assert image.shape == (32, 16, 3)
    assert image[4, 8, 0] > 240 and image[28, 8, 0] < 15  # a turn to the right puts the left half on top


def test_opened_image_carries_no_rotation_any_more():
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = open_image(encoded(Image.fromarray(UPRIGHT), exif=exif))
    assert opened.getexif().get(0x0112, 1) == 1


def test_sixteen_bit_grey_is_scaled_not_clipped():
    grey = np.array([[0, 255, 256, 0x8000, 0xFFFF]], np.uint16)
    assert read_image(encoded(Image.fromarray(grey)))[0, :, 0].tolist() == [0, 0, 1, 0x80, 0xFF]
    assert read_image(encoded(Image.fromarray(grey), "TIFF"))[0, :, 1].tolist() == [0, 0, 1, 0x80, 0xFF]


def test_sixteen_bit_colour_takes_the_high_byte():
    rows = b"\0" + struct.pack(">6H", 0x12FF, 0x3400, 0xFF00, 0xFFFF, 0, 0x80FF)
    assert read_image(hand_made_png(2, 1, 16, rows)).tolist() == [[[0x12, 0x34, 0xFF], [0xFF, 0, 0x80]]]


def hand_made_png(width: int, height: int, depth: int, rows: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_transparency_is_laid_on_white():
    rgba = np.array([[(*RED, 255), (*RED, 0), (0, 0, 0, 128)]], np.uint8)
    assert read_image(encoded(Image.fromarray(rgba)))[0].tolist() == [list(RED), list(WHITE), [127, 127, 127]]


def test_transparent_palette_and_key_colour_are_laid_on_white():
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("P")
    palette.putpalette([*RED, *GREEN] + [0] * 762)
    keyed = encoded(Image.fromarray(UPRIGHT[:1]), transparency=GREEN)
    assert read_image(encoded(palette, transparency=0))[0].tolist() == [list(WHITE), list(GREEN)]
    assert read_image(keyed)[0].tolist() == [list(RED), list(WHITE), list(BLUE)]


@pytest.mark.parametrize(("mode", "grey"), [("L", 90), ("1", 255), ("LA", 90)])
def test_grey_and_bilevel_become_three_equal_channels(mode: str, grey: int):
    assert read_image(encoded(Image.new("L", (2, 2), grey).convert(mode)))[0, 0].tolist() == [grey] * 3


def test_cmyk_jpeg_becomes_rgb():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    pixel = read_image(encoded(image, "JPEG", quality=95))[8, 8]
    assert pixel[0] > 240 and pixel[1] < 15 and pixel[2] < 15


def test_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    for kind in ("WEBP", "PNG", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert read_image(data)[0, 0].tolist() == list(RED), kind


@pytest.mark.parametrize("mode", ["I", "F"])
def test_thirty_two_bit_pixels_are_refused(mode: str):
    with pytest.raises(DataError, match=r"32-bit pixels.*convert"):
        read_image(encoded(Image.new(mode, (2, 2)), "TIFF"))


def test_missing_file_is_named():
    with pytest.raises(DataError, match=r"image nowhere\.png not found"):
        read_image("nowhere.png")


@pytest.mark.parametrize("data", [b"", b"not a picture", b"GIF89a" + bytes(20), b"%PDF-1.4"])
def test_foreign_formats_are_refused_with_the_list_of_known_ones(data: bytes):
    with pytest.raises(DataError, match="none of JPEG, PNG, WEBP, BMP, TIFF"):
        read_image(data)


def test_gif_is_refused():
    with pytest.raises(DataError, match="none of JPEG"):
        read_image(encoded(Image.new("P", (2, 2)), "GIF"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_truncated_files_are_refused(kind: str):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(DataError, match=r"damaged"):
        read_image(data[: len(data) // 2])


def test_pillow_is_not_told_to_accept_truncated_files():
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_flipped_bytes_never_raise_anything_else():
    data = encoded(Image.fromarray(UPRIGHT))
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        try:
            read_image(bytes(damaged))
        except DataError as error:
            assert str(error).startswith("the image")


def test_bomb_is_refused_before_a_pixel_is_decoded():
    with pytest.raises(DataError, match="900000000 pixels"):
        read_image(hand_made_png(30_000, 30_000, 8, b""))


def test_limits_are_told_with_the_switch():
    data = encoded(Image.new("RGB", (40, 10)))
    with pytest.raises(DataError, match=r"40 x 10 pixels, allowed are 399 in all.*raise max_pixels"):
        read_image(data, max_pixels=399)
    with pytest.raises(DataError, match=r"39 a side"):
        read_image(data, max_side=39)
    assert read_image(data, max_pixels=400, max_side=40).shape == (10, 40, 3)


def test_transform_gives_bgr_and_shapes(tmp_path: Path):
    Image.fromarray(UPRIGHT).save(tmp_path / "a.png")
    load = TRANSFORMS.build({"type": "clip_plugins.LoadImage"})
    results = load({"img_path": str(tmp_path / "a.png")})
    assert np.array_equal(results["img"], UPRIGHT[..., ::-1])
    assert results["img_shape"] == results["ori_shape"] == (2, 3)
    assert results["img"].flags.writeable and results["img"].flags.c_contiguous


def test_transform_gives_float_on_request(tmp_path: Path):
    Image.fromarray(UPRIGHT).save(tmp_path / "a.png")
    image = LoadImage(to_float32=True)({"img_path": str(tmp_path / "a.png")})["img"]
    assert image.dtype == np.float32 and image.max() == 255


def test_transform_reads_through_a_storage_backend(tmp_path: Path):
    Image.fromarray(UPRIGHT).save(tmp_path / "a.png")
    image = LoadImage(backend_args={"backend": "local"})({"img_path": str(tmp_path / "a.png")})["img"]
    assert np.array_equal(image, UPRIGHT[..., ::-1])


def bombs() -> dict[str, bytes]:
    """Small files that unpack to 100 MB beside their few pixels."""
    packed = zlib.compress(bytes(100_000_000), 9)
    start, rest = b"\x89PNG\r\n\x1a\n", hand_made_png(1, 1, 8, bytes(4))[8:]
    header, rest = rest[:25], rest[25:]
    return {
        "zTXt": start + header + chunk(b"zTXt", b"k\0\0" + packed) + rest,
        "iTXt": start + header + chunk(b"iTXt", b"k\0\1\0\0\0" + packed) + rest,
        "iCCP": start + header + chunk(b"iCCP", b"k\0\0" + packed) + rest,
        "IDAT": start + header + chunk(b"IDAT", packed) + chunk(b"IEND", b""),
    }


def test_bombs_beside_the_pixels_are_refused_or_left_packed():
    for kind, data in bombs().items():
        tracemalloc.start()
        try:
            assert read_image(data).shape == (1, 1, 3), kind
        except DataError as error:
            assert str(error).startswith("the image")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000, kind


SIDES = [(20_001, 1), (1, 20_001), (8001, 8000), (2**31 - 1, 1), (0, 5)]


@pytest.mark.parametrize(("width", "height"), SIDES)
def test_sides_beyond_the_limits_and_none_are_refused(width: int, height: int):
    with pytest.raises(DataError, match="the image"):
        read_image(hand_made_png(width, height, 8, b""))


def test_a_path_with_a_zero_byte_is_one_sentence():
    with pytest.raises(DataError, match="damaged or unreadable"):
        read_image("a\0b.png")


def test_alpha_comes_turned_and_is_none_where_there_is_none():
    picture = Image.new("RGBA", (3, 2), (10, 20, 30, 255))
    picture.putpixel((0, 0), (10, 20, 30, 7))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    buffer = BytesIO()
    picture.save(buffer, "PNG", exif=exif)
    alpha = read_alpha(buffer.getvalue())
    assert alpha.shape == (2, 3) and alpha[1, 2] == 7 and (alpha.ravel()[:-1] == 255).all()
    opaque = BytesIO()
    picture.convert("RGB").save(opaque, "PNG")
    assert read_alpha(opaque.getvalue()) is None
