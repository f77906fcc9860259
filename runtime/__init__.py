"""What the two processes need from the machine they run on: one folder, log files, the token, the page."""
