"""Start runs in processes of their own: queue, launch, worker. Never imports torch."""
