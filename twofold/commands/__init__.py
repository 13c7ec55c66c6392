"""What a command does with pictures of one's own."""
