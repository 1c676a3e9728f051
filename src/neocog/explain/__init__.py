"""Looking inside a trained network: functions that return data, and pictures of that data."""

from neocog.explain.draw import draw_planes, draw_templates
from neocog.explain.inside import pixels_of
from neocog.explain.planes import Planes, default_layers, planes
from neocog.explain.strokes import Spoken, Strokes, draw_strokes, spoken, strokes
from neocog.explain.templates import Templates, templates

__all__ = [
    "Planes",
    "Spoken",
    "Strokes",
    "Templates",
    "default_layers",
    "draw_planes",
    "draw_strokes",
    "draw_templates",
    "pixels_of",
    "planes",
    "spoken",
    "strokes",
    "templates",
]
