"""Exchange connectors in Python. They speak the bridge protocol, as the page does."""
