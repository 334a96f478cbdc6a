"""Every question that a part asks, one module per part."""
