"""One file per image format. Each says what a file tells about itself (`image`) or raises UserError;
`movie` and `axes` make a movie of it.
"""
