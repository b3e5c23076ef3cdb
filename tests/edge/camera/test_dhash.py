"""The perceptual hash: near duplicates are near, other images are not."""

import cv2
import numpy as np
from collected import frame

from tlpipe_edge.camera.dhash import are_near, as_text, dhash, from_text


def test_the_same_scene_is_near_with_noise_and_of_another_size() -> None:
    scene = frame(1, height=1080, width=1920)
    noise = np.random.default_rng(2).normal(0, 4, scene.shape)
    noisy = np.clip(scene + noise, 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert are_near(dhash(scene), dhash(noisy))
    assert are_near(dhash(scene), dhash(cv2.imdecode(encoded, cv2.IMREAD_COLOR)))
    assert are_near(dhash(scene), dhash(cv2.resize(scene, (480, 270), interpolation=cv2.INTER_AREA)))


def test_other_scenes_are_not_near() -> None:
    hashes = [dhash(frame(seed)) for seed in range(60)]
    assert not any(are_near(one, other) for at, one in enumerate(hashes) for other in hashes[:at])


def test_six_bits_are_near_and_seven_are_not() -> None:
    assert are_near(0, 0b111111) and not are_near(0, 0b1111111)


def test_each_bit_says_whether_a_pixel_is_brighter_than_the_next() -> None:
    falling = np.repeat(np.arange(250, 160, -10, dtype=np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)
    assert dhash(falling) == 2**64 - 1 and dhash(falling[:, ::-1]) == 0
    falling[0, 0] = 0
    assert dhash(falling) == 2**63 - 1


def test_a_hash_is_text_of_16_digits() -> None:
    assert as_text(10) == "000000000000000a" and from_text(as_text(2**64 - 2)) == 2**64 - 2
