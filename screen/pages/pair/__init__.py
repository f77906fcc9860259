"""The page of one pair: charts, evidence, settings, signal log."""
