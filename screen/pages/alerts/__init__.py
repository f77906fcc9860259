"""The page of alert rules and alerts."""
