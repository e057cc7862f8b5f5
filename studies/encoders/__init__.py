"""Cost of the encoders: ``record`` and ``throughput`` write results/encoders.json and throughput.json."""
