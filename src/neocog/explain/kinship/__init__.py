"""Pictures that a network takes for alike."""
