"""Shared components of the pages: form fields, formatting, ids, theme, help."""
