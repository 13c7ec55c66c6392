"""What runs say."""
