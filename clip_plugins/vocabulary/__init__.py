"""Names -> prompts -> text embeddings, cached in memory and on disk."""
