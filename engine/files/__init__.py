"""Files of other people, read line by line into rows for the one door; the caller opens them."""
