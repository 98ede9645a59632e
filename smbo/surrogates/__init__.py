"""Gaussian processes, forests and whatever else turns evidence into a posterior."""
