"""What TabAgent costs, measured side by side in one run: ``make bench``. ``docs/benchmarks.md`` quotes it."""
