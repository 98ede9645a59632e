"""Trials as training data: recording results, promotion, tables, replicates."""
