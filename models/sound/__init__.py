"""What is heard besides words: events, scenes, speech against song."""
