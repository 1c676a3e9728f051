"""The family as scikit-learn estimators."""
