"""Models on disk: where they are, how they come, how they go."""
