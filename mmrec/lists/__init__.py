"""Ranked lists that people can use: for whom, of what, how varied, why, and written where."""
