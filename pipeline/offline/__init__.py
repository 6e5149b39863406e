"""What is made of recordings, as fast as it goes."""
