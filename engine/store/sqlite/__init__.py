"""The SQLite backend: SQL, file identity and the write-ahead log."""
