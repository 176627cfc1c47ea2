"""What ships: Cloud Run's requests into events, outcomes into status codes, context, logs, jobs."""
