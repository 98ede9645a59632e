"""Gaussian processes: kernels, marginal likelihood, transforms, multi-fidelity, universal kriging."""
