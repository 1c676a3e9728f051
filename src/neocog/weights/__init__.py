"""Weights in and out: files, and weight plans executed."""

from neocog.weights.files import check_keys, load_weights, read_safetensors, read_tensors, write_safetensors
from neocog.weights.plan import apply_plan

__all__ = [
    "apply_plan",
    "check_keys",
    "load_weights",
    "read_safetensors",
    "read_tensors",
    "write_safetensors",
]
