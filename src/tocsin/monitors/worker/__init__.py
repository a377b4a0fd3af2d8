"""What watching does by itself: judge what the probes see, pack what was measured, look up what expires."""

from tocsin.monitors.worker.engine import Engine
from tocsin.monitors.worker.expiry import DomainWatch, Registries
from tocsin.monitors.worker.packing import Packer
from tocsin.monitors.worker.trying import Trials

__all__ = ["DomainWatch", "Engine", "Packer", "Registries", "Trials"]
