import cv2
import numpy as np
import pytest

from edge.system.image_header import image_size


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
@pytest.mark.parametrize("size_wh", [(1, 1), (37, 5), (640, 481), (5000, 17)])
def test_the_size_is_the_one_that_opencv_decodes(suffix, size_wh):
    image = np.random.default_rng(0).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    data = cv2.imencode(suffix, image)[1].tobytes()
    assert image_size(data) == size_wh


def test_variants():
    image = np.zeros((30, 20, 4), np.uint8)
    progressive = cv2.imencode(".jpg", image[..., :3], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    lossless = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    lossy = cv2.imencode(".webp", image[..., :3], [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()
    gray = cv2.imencode(".jpg", image[..., 0])[1].tobytes()
    for data in (progressive, lossless, lossy, gray):
        assert image_size(data) == (20, 30)


@pytest.mark.parametrize("suffix", [".tiff", ".jp2", ".ppm", ".hdr"])
def test_other_formats_are_rejected(suffix):
    image = np.zeros((64, 64, 3), np.float32 if suffix == ".hdr" else np.uint8)
    data = cv2.imencode(suffix, image)[1].tobytes()
    with pytest.raises(ValueError, match="is not a JPEG, PNG, BMP or WebP"):
        image_size(data)


def test_whatever_the_bytes_only_a_value_error_is_raised():
    random = np.random.default_rng(1)
    whole = [cv2.imencode(s, np.zeros((9, 9, 3), np.uint8))[1].tobytes() for s in (".jpg", ".png", ".bmp", ".webp")]
    for data in [*whole, b"", b"BM", b"\xff\xd8\xff", b"RIFF....WEBP", b"\x89PNG\r\n\x1a\n....IHDR"]:
        for _ in range(300):
            mutant = bytearray(data[: int(random.integers(0, len(data) + 1))])
            for _ in range(int(random.integers(0, 4))):
                if mutant:
                    mutant[int(random.integers(0, len(mutant)))] = int(random.integers(0, 256))
            try:
                width, height = image_size(bytes(mutant))
            except ValueError:
                continue
            assert width > 0
            assert height > 0
