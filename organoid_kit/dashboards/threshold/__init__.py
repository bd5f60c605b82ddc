"""The threshold explorer: what is right, missed and false as a threshold moves."""
