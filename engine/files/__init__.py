"""Parsers for third-party files: text lines in, ingest rows out; the caller opens the files."""
