"""The fast road: features of a frozen network, and linear heads on them."""
