"""From a conversation to a prompt, and from what the model writes to what it says, thinks and calls."""
