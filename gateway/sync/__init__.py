"""The sync engine; one file per direction."""
