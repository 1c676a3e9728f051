"""Protocols on real photos: the authors' SqueezeNet gives the reference's figures from one crop, and more from more views."""

import csv
from pathlib import Path

import numpy as np
import pytest

from neocog.evaluate import judged, predict_all
from neocog.evaluate.compare import compare
from neocog.nn import Model
from neocog.pictures import FilePictures
from neocog.runs import Predictor
from neocog.weights.importing import import_files
from tests.conftest import Agree


@pytest.fixture(scope="module")
def squeezenet(shared: Path) -> Predictor:
    folder = shared / "weights" / "squeezenet1_0"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    made = import_files([folder / "SqueezeNet_deploy.prototxt", folder / "decompressed_SqueezeNet.caffemodel"])
    model = Model(made.arch)
    model.load_state_dict(made.values)
    return Predictor(model.eval(), made.preprocessing, made.classes, made.net)


@pytest.fixture(scope="module")
def photos(shared: Path, squeezenet: Predictor) -> FilePictures:
    """200 photos with classes of ImageNet."""
    root = shared / "photos" / "nips17"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    rows = list(csv.DictReader((root / "labels.csv").open()))
    return FilePictures(
        [root / row["file"] for row in rows], [int(row["class_index"]) for row in rows], squeezenet.classes, root
    )


@pytest.mark.slow
def test_one_crop_is_the_references_and_more_views_are_better(squeezenet: Predictor, photos: FilePictures, agree: Agree):
    """OpenCV's dnn on the same pictures: 50.5 % and 76.5 % right. Three scales, densely: better, beyond chance."""
    one = predict_all(squeezenet, photos)
    found = judged(one)
    assert (found.n, 100 - found.top1_error, 100 - (found.top5_error or 0)) == (200, 50.5, 76.5)
    agree("squeezenet1_0.caffe", "OpenCV's dnn", "one crop of 200 photos: 101 right, 153 in the five likeliest")
    more = predict_all(squeezenet, photos, "dense@256,288,320")
    gain = compare(more, one)
    assert gain.difference < -5 and gain.ci95[1] < 0 and gain.p < 0.01 and gain.n == 200
    assert np.isfinite(more.log_probabilities).all()
