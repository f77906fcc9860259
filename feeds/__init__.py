"""Exchange connectors in Python. They use the bridge protocol, like the page."""
