"""Every picture that the tools draw."""
