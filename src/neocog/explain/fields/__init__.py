"""What of a picture a unit can see, and how much of that it uses."""
