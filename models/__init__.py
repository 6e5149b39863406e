"""Machine-learning models behind small protocols; each file alone imports its library."""
