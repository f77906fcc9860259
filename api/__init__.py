"""Routes beside the Dash page: the live push, exports, health."""
