"""Small helpers: real data beside the repository (never copied into it), and pictures made on the spot."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here")
    return SHARED


@pytest.fixture
def make(tmp_path: Path):
    """make("cats/1.png", "dogs/2.jpg", …) puts a small picture at each path below a fresh folder, and returns that."""

    def put(*names: str, root: Path | None = None) -> Path:
        root = root or tmp_path / "photos"
        root.mkdir(exist_ok=True)
        for number, name in enumerate(names):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            picture(24 + number % 5, 16, seed=number).save(root / name)
        return root

    return put


def picture(width: int, height: int, seed: int = 0, mode: str = "RGB") -> Image.Image:
    """A smooth picture with no symmetry."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
