"""Pictures of one's own."""
