"""SQLite, behind repositories and queries; no row leaves this package."""
