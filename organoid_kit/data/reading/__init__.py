"""One file per image format. Each says what a file tells about itself (`image`); `movie` makes a
movie of it.
"""
