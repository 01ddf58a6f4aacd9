"""A class together on a shared server: its code, its pupils, its board."""
