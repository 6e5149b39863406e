"""What tests, demo and benchmarks share: spoken media, local media servers, a callback consumer."""
