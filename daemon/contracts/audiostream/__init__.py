"""The live audio stream contract: start, finish, callback."""
