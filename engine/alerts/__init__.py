"""Alert rules: what they say, their evaluation bar by bar, their budget, and what they would have done.

Pure: bars in, alerts out; no clock, no store, no sending. ``docs/alerts.md`` defines every word.
"""
