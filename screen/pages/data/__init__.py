"""The page of the data: feeds, what is stored and missing, imports, exports, backups, settings."""
