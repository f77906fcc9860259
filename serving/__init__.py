"""Serves bridge connections: sockets and their limits, the commit queue, the bridge page."""
