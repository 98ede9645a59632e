"""How outcomes travel from a worker to the driver, durably: spool, heartbeat, JSON values."""
