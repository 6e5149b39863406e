"""What must survive a restart, behind one narrow protocol."""
