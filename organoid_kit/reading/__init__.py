"""One file per image format. Each says what a file tells about itself; `image` makes a movie of it."""
