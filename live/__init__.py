"""The live loop: what the server stored becomes runs, decisions and views, whether or not a screen is open."""
