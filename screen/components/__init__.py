"""Parts that several pages share: form fields, formatting, ids, theme, help."""
