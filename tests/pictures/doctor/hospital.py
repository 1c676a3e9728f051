"""Pictures that behave like photographs, and a folder with every fault that the doctor knows."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance


def photo(seed: int, width: int = 160, height: int = 120) -> Image.Image:
    """Colour noise whose spectrum falls like that of photographs, 1/f."""
    rng = np.random.default_rng(seed)
    side = 64
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = 1
    waves = np.fft.fft2(rng.normal(size=(side, side, 3)), axes=(0, 1)) / frequency[:, :, None]
    field = np.fft.ifft2(waves, axes=(0, 1)).real
    field += field.mean(2, keepdims=True) * 2
    low, high = np.percentile(field, (1, 99))
    pixels = np.clip((field - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def hostile(root: Path) -> dict[str, set[str]]:
    """Builds train/ and test/ with healthy pictures and one of everything else; {kind of finding: files or classes}."""
    wanted: dict[str, set[str]] = {}
    seeds = iter(range(1000, 2000))

    def put(name: str, data: bytes | Image.Image, *kinds: str, **options) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Image.Image):
            data.save(path, **({"quality": 92} if path.suffix == ".jpg" and not options else options))
        else:
            path.write_bytes(data)
        for kind in kinds:
            wanted.setdefault(kind, set()).add(name)

    for label in ("cats", "dogs"):
        for i in range(12):
            put(f"train/{label}/ok{i:02}.jpg", photo(next(seeds)))
        for i in range(3):
            put(f"test/{label}/ok{i}.jpg", photo(next(seeds)))
    jpeg, png, gif = (encoded(photo(next(seeds)), form) for form in ("JPEG", "PNG", "GIF"))

    cats = "train/cats/"
    put(cats + "empty.jpg", b"", "empty")
    put("test/dogs/empty.png", b"", "empty")
    put(cats + "cut.jpg", jpeg[: len(jpeg) * 2 // 3], "truncated")
    put(cats + "cut.png", png[: len(png) // 2], "truncated")
    put(cats + "cut_early.jpg", jpeg[:100], "truncated")
    put(cats + "cut_early.png", png[:20], "truncated")
    put(cats + "header.gif", b"GIF89a??", "damaged-header")
    put(cats + "hole.png", png[:60] + bytes(3000) + png[3060:], "undecodable")
    put(cats + "page.jpg", b"<!DOCTYPE html><title>404</title>", "not-a-picture")
    put(cats + "words.png", b"this is a text", "not-a-picture")
    put(cats + "script.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not-a-picture")
    put(cats + "phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic")
    put(cats + "phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic")
    put(cats + "bomb.png", bomb(10_000, 10_000), "too-large")
    put(cats + "greater_bomb.png", bomb(60_000, 60_000), "too-large")
    for name, target in (("gone.png", "nowhere.png"), ("loop.png", "loop.png")):
        (root / cats / name).symlink_to(target)
        wanted.setdefault("broken-link", set()).add(cats + name)
    os.mkfifo(root / cats / "pipe.jpg")
    wanted["not-a-file"] = {cats + "pipe.jpg"}

    put(cats + "really_png.jpg", png, "wrong-extension")
    put(cats + "really_gif.png", gif, "wrong-extension", "palette")
    put(cats + "nameless", encoded(photo(next(seeds)), "JPEG"), "unnamed")
    put(cats + "Thumbs.db", b"x", "other")
    put("train/labels.jpg", photo(next(seeds)), "outside")

    dogs = "train/dogs/"
    deep = np.asarray(photo(next(seeds)).convert("L"), np.uint16) * 257
    put(dogs + "deep.png", Image.fromarray(deep), "sixteen-bit", "grey-among-colour")
    put(dogs + "deep.tif", Image.fromarray(np.ascontiguousarray(deep[:, ::-1])), "sixteen-bit", "grey-among-colour")
    real = np.asarray(photo(next(seeds)).convert("L"), np.float32)
    put(dogs + "real.tiff", Image.fromarray(real), "float", "grey-among-colour")
    put(dogs + "print.jpg", photo(next(seeds)).convert("CMYK"), "cmyk")
    put(dogs + "colours.png", photo(next(seeds)).quantize(64), "palette")
    clear = photo(next(seeds))
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    put(dogs + "clear.png", clear, "alpha")
    frames = [photo(next(seeds)) for _ in range(3)]
    put(dogs + "film.gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "animated", "palette")
    put(dogs + "film.webp", encoded(frames[1], "WEBP", save_all=True, append_images=frames[2:]), "animated")
    put(dogs + "book.tif", encoded(photo(next(seeds)), "TIFF", save_all=True, append_images=frames), "pages")
    exif = Image.Exif()
    exif[0x0112] = 6
    put(dogs + "lying.jpg", photo(next(seeds), 120, 160), "rotated", exif=exif)
    put(dogs + "grey.jpg", photo(next(seeds)).convert("L"), "grey-among-colour")
    put(dogs + "grey_in_rgb.png", photo(next(seeds)).convert("L").convert("RGB"), "grey-among-colour")

    put(dogs + "blank.jpg", Image.new("RGB", (160, 120), (40, 90, 200)), "blank")
    put(dogs + "blank2.jpg", Image.new("RGB", (160, 120), (40, 90, 200)), "blank")
    put(dogs + "line.png", photo(next(seeds), 300, 1), "thin")
    put(dogs + "banner.jpg", photo(next(seeds), 900, 90), "proportions")
    put(dogs + "icon.png", photo(next(seeds), 16, 12), "odd-size")
    put(dogs + "giant.jpg", photo(next(seeds), 1600, 1200), "odd-size")

    ok = {k: Image.open(root / name) for k, name in enumerate((cats + "ok00.jpg", dogs + "ok00.jpg", cats + "ok01.jpg"))}
    for name in ("test/cats/copied.jpg", "train/cats/ok02.jpg"):
        put(name, (root / cats / "ok02.jpg").read_bytes(), "leak")
    for name in ("train/dogs/copied.jpg", "train/cats/ok03.jpg"):
        put(name, (root / cats / "ok03.jpg").read_bytes(), "two-labels")
    put(cats + "copied.jpg", (root / cats / "ok04.jpg").read_bytes(), "duplicate")
    put(cats + "copied.png", Image.open(root / cats / "ok04.jpg").convert("RGB"), "duplicate")  # the same pixels
    wanted["duplicate"].add(cats + "ok04.jpg")
    put(cats + "smaller.jpg", ok[0].resize((96, 72), Image.Resampling.LANCZOS), "near-duplicate")
    put(cats + "worse.jpg", encoded(ok[0], "JPEG", quality=40), "near-duplicate")
    wanted["near-duplicate"].add(cats + "ok00.jpg")
    put("test/dogs/brighter.jpg", ImageEnhance.Brightness(ok[1]).enhance(1.1), "near-leak")
    wanted["near-leak"].add(dogs + "ok00.jpg")
    put("train/dogs/larger.jpg", ok[2].resize((240, 180), Image.Resampling.BICUBIC), "near-two-labels")
    wanted["near-two-labels"].add(cats + "ok01.jpg")

    for i in range(4):
        put(f"train/foxes/{i}.jpg", photo(next(seeds)))
    wanted["tiny-class"] = {"foxes"}
    (root / "train" / "hares").mkdir()
    wanted["empty-class"] = {"hares"}
    put("test/wolves/1.jpg", photo(next(seeds)))
    wanted["unknown-class"] = {"wolves"}
    wanted["absent-class"] = {"foxes"}
    return wanted
