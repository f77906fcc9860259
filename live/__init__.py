"""The live loop: turns stored ticks into runs, decisions and views, independent of open screens."""
