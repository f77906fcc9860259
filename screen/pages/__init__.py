"""The pages: layout, callbacks and labels of each."""
