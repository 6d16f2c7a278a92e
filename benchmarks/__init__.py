"""How fast, how small, how quiet: `python -m benchmarks` measures and writes the table of docs/benchmarks.md."""
