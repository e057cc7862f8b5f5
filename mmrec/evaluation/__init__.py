"""Measuring ranked lists and scores, with intervals and paired tests."""
