"""Run folders, their events, and the trained classifiers in them. torch is loaded with the names that need it."""

from typing import TYPE_CHECKING

from neocog.lazy import lazy

if TYPE_CHECKING:
    from neocog.runs.config import Config as Config
    from neocog.runs.config import read_config as read_config
    from neocog.runs.events import EventLog as EventLog
    from neocog.runs.events import read_events as read_events
    from neocog.runs.folder import RunFolder as RunFolder
    from neocog.runs.predictor import Predictor as Predictor
    from neocog.runs.predictor import Scored as Scored
    from neocog.runs.predictor import load as load
    from neocog.runs.predictor import load_predictor as load_predictor
    from neocog.runs.ranking import wrong_in_top as wrong_in_top

_HOME = {
    "Config": "config",
    "read_config": "config",
    "EventLog": "events",
    "read_events": "events",
    "RunFolder": "folder",
    "Predictor": "predictor",
    "Scored": "predictor",
    "load": "predictor",
    "load_predictor": "predictor",
    "wrong_in_top": "ranking",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = lazy(__name__, _HOME)
