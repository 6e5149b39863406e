"""Recognition of speech: the recogniser, the batcher in front of it, and what it is not believed."""
