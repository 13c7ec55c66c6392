"""Where features come from."""
