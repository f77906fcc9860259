"""The glossary: every term and statistic of the screens, with its trap."""
