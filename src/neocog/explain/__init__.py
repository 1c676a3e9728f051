"""Looking inside a trained network: functions that return data, and pictures of that data."""

from neocog.explain.draw import draw_planes, draw_templates
from neocog.explain.planes import Planes, default_layers, pixels_of, planes
from neocog.explain.sheet import Group, diverging, positive, sheet
from neocog.explain.strokes import Spoken, Strokes, draw_strokes, spoken, strokes
from neocog.explain.templates import Templates, templates

__all__ = [
    "Group",
    "Planes",
    "Spoken",
    "Strokes",
    "Templates",
    "default_layers",
    "diverging",
    "draw_planes",
    "draw_strokes",
    "draw_templates",
    "pixels_of",
    "planes",
    "positive",
    "sheet",
    "spoken",
    "strokes",
    "templates",
]
