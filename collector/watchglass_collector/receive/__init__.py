"""The two doors: OTLP over gRPC and over HTTP, each on its own thread and event loop."""
