"""Translation of what labkit says, and its Chinese catalogue."""
