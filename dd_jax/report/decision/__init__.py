"""From the Records of a work directory to a decision, and its page."""
