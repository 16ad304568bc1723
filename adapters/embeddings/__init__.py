"""Embedders: models that run here, and a server that serves one."""
