"""What many cards have in common: how pictures are read, quick recipes, errors from accuracies."""

from dataclasses import replace

from neocog.nets.recipe import Recipe
from neocog.pictures.preprocessing import Preprocessing

# Mean and deviation of ImageNet's training pictures, as torch's model zoos have them.
IMAGENET = Preprocessing(224, 224, resize="shorter", resize_to=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
# Only the mean pixel taken off, as the papers of 2012 to 2014 do.
MEAN_PIXEL = Preprocessing(224, 224, resize="shorter", resize_to=256, scale=1.0, mean=(123.68, 116.779, 103.939))
# Caffe's mean pixel, blue first.
CAFFE = Preprocessing(
    227, 227, color="BGR", resize="squash", resize_to=256, scale=1.0, mean=(104.007, 116.669, 122.679), antialias=False
)
CIFAR = Preprocessing(32, 32, resize="none", mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))
MNIST = Preprocessing(28, 28, color="L", resize="pad", mean=(0.1307,), std=(0.3081,))

QUICK = Recipe(lr=0.1, nesterov=True, weight_decay=5e-4, batch=64, label_smoothing=0.1)  # nets with batch normalisation
QUICK_LARGE = replace(QUICK, batch=32)  # those of them that read 299×299
QUICK_PLAIN = Recipe(lr=0.01, batch=64, label_smoothing=0.1)  # nets without it


def error(accuracy: float) -> float:
    """The error rate of an accuracy, both in percent, without the dust of binary fractions."""
    return round(100 - accuracy, 3)
