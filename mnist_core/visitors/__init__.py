"""Visitors: limits, identity, presence, quotas."""
