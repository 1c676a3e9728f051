"""Weights to and from other toolkits: torchvision, timm, Keras, TF-slim."""

from neocog.weights.converters.convert import PARTIES, convert, dialect_for, dialects, export_as, preprocessing_of
from neocog.weights.converters.dialect import Dialect
from neocog.weights.converters.recognise import Match, recognise

__all__ = [
    "PARTIES",
    "Dialect",
    "Match",
    "convert",
    "dialect_for",
    "dialects",
    "export_as",
    "preprocessing_of",
    "recognise",
]
