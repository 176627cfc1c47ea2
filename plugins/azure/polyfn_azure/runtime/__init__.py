"""What ships: the Functions host's three transports into events, outcomes into its replies, logs."""
