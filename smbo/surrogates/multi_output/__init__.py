"""Surrogates of several quantities: model lists, composite functions, level sets."""
