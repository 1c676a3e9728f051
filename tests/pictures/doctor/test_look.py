"""The search for look-alikes against comparing all with all, and copies of pictures against other pictures."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from neocog.pictures.doctor.look import ALL, LOW, groups_of, look, looks_alike, thumbnail

from .hospital import photo


def brute_force(looks: np.ndarray) -> list[list[int]]:
    """Connected components of the pairs that are near, all pairs compared."""
    differ = np.bitwise_count(looks[:, None] ^ looks[None])
    near = (differ[:, :, 0] <= LOW) & (differ.sum(2) <= ALL)
    for k in range(len(looks)):  # Warshall
        near |= near[:, k : k + 1] & near[k : k + 1]
    groups = {tuple(np.flatnonzero(row).tolist()) for row in near}
    return sorted(list(group) for group in groups if len(group) > 1)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 8), st.integers(0, 14), st.integers(0, 60))
def test_the_search_finds_what_comparing_all_with_all_finds(seed, n, families, low, high):
    """Families of hashes that differ in up to `low` of the low bits and `high` of the others: around both limits."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (families, 256), np.uint8)[rng.integers(0, families, n)]
    for row in bits:
        row[rng.choice(64, rng.integers(0, low + 1), replace=False)] ^= 1
        row[64 + rng.choice(192, rng.integers(0, high + 1), replace=False)] ^= 1
    looks = np.packbits(bits, axis=1).view(np.uint64).reshape(-1, 4)
    assert [group.tolist() for group in looks_alike(looks)] == brute_force(looks)


@pytest.mark.parametrize("at_once", [1, 100])
def test_the_search_in_parts(monkeypatch, at_once):
    monkeypatch.setattr("neocog.pictures.doctor.look._CHUNK", at_once)
    looks = np.random.default_rng(0).integers(0, 4, (80, 4), np.uint64)  # crowded: they differ in 8 bits at most
    assert [group.tolist() for group in looks_alike(looks)] == brute_force(looks)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2))))
def test_groups_of_equal_keys(keys):
    wanted: dict[tuple[int, int], list[int]] = {}
    for i, key in enumerate(keys):
        wanted.setdefault(key, []).append(i)
    found = groups_of(np.array(keys, np.uint64).reshape(-1, 2))
    assert [group.tolist() for group in found] == [members for members in wanted.values() if len(members) > 1]


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


COPIES = {
    "half": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.LANCZOS),
    "double": lambda p: p.resize((p.width * 2, p.height * 2), Image.Resampling.BICUBIC),
    "squeezed": lambda p: p.resize((p.width, p.height * 3 // 4), Image.Resampling.BILINEAR),
    "quality 40": lambda p: jpeg(p, 40),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.1),
    "less contrast": lambda p: ImageEnhance.Contrast(p).enhance(0.8),
    "grey": lambda p: p.convert("L"),
}


def looks_of(pictures) -> np.ndarray:
    return np.frombuffer(b"".join(look(thumbnail(picture)) for picture in pictures), np.uint64).reshape(-1, 4)


def near(looks: np.ndarray, others: np.ndarray) -> np.ndarray:
    differ = np.bitwise_count(looks ^ others)
    return (differ[:, 0] <= LOW) & (differ.sum(1) <= ALL)


def test_real_photos_are_known_by_their_copies_and_told_from_each_other(shared):
    photos = [Image.open(path).convert("RGB") for path in sorted((shared / "photos" / "nips17").glob("*.png"))[::4]]
    looks = looks_of(photos)
    assert looks_alike(looks) == []
    for name, change in COPIES.items():
        found = near(looks, looks_of(map(change, photos)))
        assert found.mean() >= 0.98, name


def test_a_shifted_view_of_a_scene_is_another_picture():
    wide = [photo(seed, 240, 160) for seed in range(12)]
    left, right = (looks_of(p.crop((x, 0, x + 200, 160)) for p in wide) for x in (0, 40))
    assert not near(left, right).any()
