"""Durable transfer of outcomes from a worker to the driver: spool, heartbeat, JSON values."""
