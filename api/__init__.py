"""Routes in addition to the Dash page: live push, exports, health."""
