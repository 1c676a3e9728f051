"""Architectures as torch Modules."""

from neocog.nn.create import adapt, create_model
from neocog.nn.model import Model, Outputs, feature_cut, feature_maps

__all__ = ["Model", "Outputs", "adapt", "create_model", "feature_cut", "feature_maps"]
