"""Pictures made for a network: from its features, or for a unit."""
