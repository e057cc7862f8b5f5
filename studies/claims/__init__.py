"""Statements of the document, each with a test: ``record`` writes results/claims.json. Chapter 17."""
