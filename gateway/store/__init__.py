"""Every query; one file per noun. Nothing here commits: the edge does."""
