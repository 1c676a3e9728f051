"""Run folders, their events, and the trained classifiers in them."""

from neocog.runs.events import EventLog, read_events
from neocog.runs.folder import Config, RunFolder
from neocog.runs.predictor import Predictor, Scored, load, load_predictor

__all__ = ["Config", "EventLog", "Predictor", "RunFolder", "Scored", "load", "load_predictor", "read_events"]
