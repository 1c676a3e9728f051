"""What happens when a part of the picture is hidden."""
