"""The durable log of studies in SQL: ask, tell, leases, change feed, schema and migrations."""
