"""Translation of labkit's texts, and the Chinese catalogue."""
