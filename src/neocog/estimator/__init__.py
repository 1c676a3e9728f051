"""The family as scikit-learn estimators: `neocog.ImageClassifier`. The only floor that needs scikit-learn (an extra)."""

from neocog.errors import UserError

try:
    from neocog.estimator.classifier import ImageClassifier as ImageClassifier
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] != "sklearn":
        raise
    raise UserError("ImageClassifier needs scikit-learn: pip install 'neocog[sklearn]'") from None

__all__ = ["ImageClassifier"]
