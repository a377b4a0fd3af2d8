"""What AI agents speak to us: everything that can be done here as tools of the Model Context Protocol, by the door."""

from tocsin.mcp.app import Mcp

__all__ = ["Mcp"]
