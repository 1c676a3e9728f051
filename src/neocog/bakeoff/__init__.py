"""Several networks on the same pictures, under the same budget, judged once."""
