"""The real Better Stack behind our door: who it is for which team, how we reach it, and what never gets through."""

from tocsin.proxy.app import Proxied
from tocsin.proxy.directory import Directory, Place
from tocsin.proxy.token_file import TokenFile, TokenFileError

__all__ = ["Directory", "Place", "Proxied", "TokenFile", "TokenFileError"]
