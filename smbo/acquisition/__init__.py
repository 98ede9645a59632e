"""Acquisition functions."""
