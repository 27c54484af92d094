"""The gRPC server: who calls, within which limits, and the services themselves."""
