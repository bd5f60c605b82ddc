"""The augmentation preview, and what it warns of."""
