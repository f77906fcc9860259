"""The dashboard's pages: figures (pure), frames of live data, layout, callbacks, assets."""
