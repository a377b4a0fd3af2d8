"""Public status pages: anonymous, cached, read by anybody; drawn from what `status_pages` has put together."""
