"""Ranked lists that users can use: for whom, of what, how varied, why, and written where."""
