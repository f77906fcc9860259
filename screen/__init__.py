"""What people see: figures (pure), frames of live data, layout, wiring, assets."""
