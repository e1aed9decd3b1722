"""Jobs: queue, fork server and worker processes that train runs. Never imports torch."""
