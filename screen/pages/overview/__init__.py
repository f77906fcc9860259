"""The page of everything: all symbols, all watched pairs."""
