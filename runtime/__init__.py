"""Process set-up for server and dashboard: data folder, log files, token, page."""
