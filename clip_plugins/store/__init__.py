"""id -> arrays on disk: transactions, checksums, manifest, fingerprint."""
