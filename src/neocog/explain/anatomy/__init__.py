"""Numbers through depth: gradients, responses, normalisation, dead units, histograms."""
