"""The only room that knows SQL: two SQLite files, each with exactly one writer."""
