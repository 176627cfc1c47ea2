"""What travels inside an artifact: the Runtime API loop and the translation of Lambda's events."""
