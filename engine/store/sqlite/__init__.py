"""The SQLite backend: everything that knows SQL, file identity and the write-ahead log."""
