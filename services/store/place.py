"""What the database is called; apart, for those who do not open it."""

NAME = "foredeck.db"
