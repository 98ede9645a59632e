"""Clusters: started by us on this machine, in batch jobs or by ssh, or handed in from outside."""
