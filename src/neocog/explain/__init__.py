"""Looking inside a network: functions that return data, and figures of that data. torch is loaded with the names that need it."""

from typing import TYPE_CHECKING

from neocog.lazy import lazy

if TYPE_CHECKING:
    from neocog.explain.classroom import LESSONS as LESSONS
    from neocog.explain.classroom import Lesson as Lesson
    from neocog.explain.classroom import lesson as lesson
    from neocog.explain.draw import draw_planes as draw_planes
    from neocog.explain.draw import draw_templates as draw_templates
    from neocog.explain.hog import Spoken as Spoken
    from neocog.explain.hog import Strokes as Strokes
    from neocog.explain.hog import draw_strokes as draw_strokes
    from neocog.explain.hog import spoken as spoken
    from neocog.explain.hog import strokes as strokes
    from neocog.explain.inside import input_of as input_of
    from neocog.explain.inside import pixels_of as pixels_of
    from neocog.explain.inside import undisturbed as undisturbed
    from neocog.explain.inside import values_at as values_at
    from neocog.explain.linear import Templates as Templates
    from neocog.explain.linear import templates as templates
    from neocog.explain.maps import Planes as Planes
    from neocog.explain.maps import default_layers as default_layers
    from neocog.explain.maps import planes as planes
    from neocog.explain.targets import Target as Target
    from neocog.explain.targets import classes as classes

_HOME = {
    "LESSONS": "classroom",
    "Lesson": "classroom",
    "lesson": "classroom",
    "draw_planes": "draw",
    "draw_templates": "draw",
    "input_of": "inside",
    "pixels_of": "inside",
    "undisturbed": "inside",
    "values_at": "inside",
    "Planes": "maps",
    "default_layers": "maps",
    "planes": "maps",
    "Spoken": "hog",
    "Strokes": "hog",
    "draw_strokes": "hog",
    "spoken": "hog",
    "strokes": "hog",
    "Target": "targets",
    "classes": "targets",
    "Templates": "linear",
    "templates": "linear",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = lazy(__name__, _HOME)
