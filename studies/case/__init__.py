"""The case of section 4.3 over several simulated shops: ``record`` writes results/case.json. Chapter 13."""
