"""Caffe's networks of 2013 to 2017: .prototxt and .caffemodel in, without Caffe and without protobuf."""

from neocog.weights.caffe.caffemodel import CaffeModel, read_binaryproto, read_caffemodel
from neocog.weights.caffe.graph import read_graph
from neocog.weights.caffe.network import Network, network
from neocog.weights.caffe.read import read_caffe

__all__ = ["CaffeModel", "Network", "network", "read_binaryproto", "read_caffe", "read_caffemodel", "read_graph"]
