"""The page of the journal: decisions and closed trades of all pairs."""
