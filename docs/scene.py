"""Draws the picture of docs/augmentation.md: `python docs/scene.py scene.png`. A drawn landscape, free for any use."""

import sys

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT, FINER = 480, 360, 4


def scene() -> Image.Image:
    """A house, a tree and a sailing boat by a lake: no symmetry, many colours, things of several sizes."""
    width, height = WIDTH * FINER, HEIGHT * FINER
    down = np.linspace(0, 1, height)[:, None, None]
    sky = (1 - down) * [64, 128, 204] + down * [250, 226, 190]
    picture = Image.fromarray(np.broadcast_to(sky, (height, width, 3)).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    at = lambda *points: [(x * FINER, y * FINER) for x, y in points]  # noqa: E731
    pen.ellipse(at((372, 34), (428, 90)), (255, 214, 92))
    pen.polygon(at((0, 215), (70, 118), (128, 190), (196, 92), (300, 215)), (104, 122, 156))
    pen.polygon(at((166, 134), (196, 92), (222, 123), (204, 140), (190, 128)), (244, 246, 250))
    pen.polygon(at((210, 215), (330, 140), (480, 215)), (126, 142, 168))
    pen.rectangle(at((0, 208), (480, 290)), (58, 124, 158))
    for k in range(12):
        x, y = (97 * k) % 470, 216 + 6 * k
        pen.line(at((x, y), (x + 34 + 3 * k, y)), (128, 178, 196), 2 * FINER)
    pen.polygon(at((330, 238), (410, 238), (396, 254), (344, 254)), (140, 60, 40))
    pen.line(at((370, 238), (370, 168)), (70, 50, 40), 3 * FINER)
    pen.polygon(at((374, 170), (374, 230), (410, 230)), (250, 250, 244))
    pen.polygon(at((366, 180), (366, 230), (340, 230)), (232, 92, 70))
    pen.polygon(at((0, 262), (150, 244), (270, 282), (480, 300), (480, 360), (0, 360)), (92, 148, 66))
    pen.polygon(at((150, 360), (196, 300), (214, 300), (236, 360)), (214, 190, 142))
    pen.rectangle(at((150, 232), (246, 304)), (246, 232, 208))
    pen.polygon(at((138, 234), (198, 184), (258, 234)), (178, 54, 44))
    pen.rectangle(at((190, 262), (214, 304)), (96, 66, 48))
    for x in (160, 222):
        pen.rectangle(at((x, 250), (x + 16, 270)), (110, 176, 214))
    pen.rectangle(at((58, 232), (72, 312)), (104, 72, 48))
    for x, y, r in ((65, 196, 44), (38, 222, 28), (94, 218, 30)):
        pen.ellipse(at((x - r, y - r), (x + r, y + r)), (44 + x // 4, 112 + x // 3, 50))
    for k in range(26):
        x, y = 262 + (53 * k) % 210, 306 + (29 * k) % 50
        pen.ellipse(at((x, y), (x + 6, y + 6)), ((240, 196, 60), (226, 90, 130), (250, 250, 250))[k % 3])
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    scene().save(sys.argv[1])
