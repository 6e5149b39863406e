"""Sources in processes of their own: the daemon's side, the process's side, and what goes between them."""
