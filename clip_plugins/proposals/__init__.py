"""RPN proposals and crop embeddings on the store: crops, writer, transforms."""
