"""How well and how fast the doctor sees: `python bench/doctor.py FOLDER [--million]`.

Copies found: of the pictures in FOLDER (each taken for different from all others), the share whose resized, recompressed or
brightened copy is known for a copy; pictures wrongly taken for one another; the time of an examination. With --million:
a million random hashes searched for look-alikes. The last line is one line of JSON.
"""

import argparse
import io
import time
from pathlib import Path

import numpy as np
from common import finish
from PIL import Image, ImageEnhance

from neocog.pictures.decode import decode
from neocog.pictures.doctor.exam import examine
from neocog.pictures.doctor.look import ALL, LOW, look, looks_alike, thumbnail
from neocog.pictures.scan import scan


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


CHANGES = {
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.LANCZOS),
    "64×64": lambda p: p.resize((64, 64), Image.Resampling.BILINEAR),
    "twice the size": lambda p: p.resize((p.width * 2, p.height * 2), Image.Resampling.BICUBIC),
    "JPEG quality 40": lambda p: jpeg(p, 40),
    "JPEG quality 15": lambda p: jpeg(p, 15),
    "brighter by 10 %": lambda p: ImageEnhance.Brightness(p).enhance(1.1),
    "brighter by 30 %": lambda p: ImageEnhance.Brightness(p).enhance(1.3),
    "contrast 80 %": lambda p: ImageEnhance.Contrast(p).enhance(0.8),
    "grey": lambda p: p.convert("L"),
    "half, quality 50": lambda p: jpeg(p.resize((p.width // 2, p.height // 2)), 50),
    "2 % cut off all round": lambda p: p.crop((w := p.width // 50, h := p.height // 50, p.width - w, p.height - h)),
}  # fmt: skip


def looks(pictures) -> np.ndarray:
    return np.frombuffer(b"".join(look(thumbnail(p)) for p in pictures), np.uint64).reshape(-1, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--million", action="store_true")
    args = parser.parse_args()
    paths = [args.folder / name for name in scan(args.folder).pictures]
    begun = time.process_time()
    for path in paths:
        examine(path, path.name)
    per_picture = (time.process_time() - begun) / len(paths)
    pictures = [decode(path).convert("RGB") for path in paths]
    originals = looks(pictures)
    differ = np.bitwise_count(originals[:, None] ^ originals[None])
    others = differ[np.triu_indices(len(pictures), 1)]
    result: dict[str, object] = {"n": len(pictures), "low": LOW, "all": ALL, "cpu_ms_per_picture": round(1000 * per_picture, 2)}
    wrong = sum(len(group) for group in looks_alike(originals))
    least = int(others.sum(1).min()), int(others[:, 0].min())
    print(f"{len(pictures)} pictures, {1000 * per_picture:.2f} ms of CPU each; {wrong} taken for one another; the nearest two")
    print(f"differ in {least[0]} of 256 bits, the nearest two by the 64 lowest in {least[1]}; copies found:")
    found = {}
    for name, change in CHANGES.items():
        bits = np.bitwise_count(originals ^ looks(map(change, pictures)))
        found[name] = round(100 * float(((bits[:, 0] <= LOW) & (bits.sum(1) <= ALL)).mean()), 1)
        many = bits.sum(1)
        print(f"  {name:<24}{found[name]:6.1f} %   bits that differ: median {np.median(many):.0f}, most {many.max()}")
    result |= {"wrong": wrong, "found_percent": found}
    if args.million:
        begun = time.process_time()
        groups = looks_alike(np.random.default_rng(0).integers(0, 2**64, (1_000_000, 4), np.uint64))
        result["million_cpu_s"] = round(time.process_time() - begun, 1)
        print(f"a million random hashes: {result['million_cpu_s']} s of CPU, {len(groups)} groups")
    finish("doctor", result)


if __name__ == "__main__":
    main()
