"""Training, its curves, and the pictures of its epochs; runs side by side."""
