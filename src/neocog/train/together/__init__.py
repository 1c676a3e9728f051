"""Training shared by several processes: who is who, how they talk, what they sum."""
