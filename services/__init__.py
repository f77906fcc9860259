"""Use cases: what a screen, a route or a command may ask for. Typed records in and out."""
