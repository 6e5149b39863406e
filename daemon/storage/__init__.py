"""Where clips are kept and how they are fetched, behind one protocol."""
