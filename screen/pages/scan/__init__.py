"""The page of the universe scan."""
