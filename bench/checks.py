"""What one check costs: CPU per HTTP and HTTPS check, beside a bare pycurl loop and aiohttp.

    python bench/checks.py [--seconds 2] [--rounds 3] [--together]

"engine" is everything: schedule, check, judge, and record on SQLite; "probe" is the part of it without a database.
Every check is a fresh connection; HTTPS is a full TLS 1.3 handshake with an ECDSA P-256 certificate, verified, without
resumption. The server runs in a process of its own on core 1, the clients each in one on core 0. CPU is user and system
time of the whole client process, all threads, divided by checks completed. Nothing is asserted.

With --together the engine and the bare loop run at once on one core, and nothing else does: both suffer the same from
whatever else the machine does, so that their ratio can be believed on a busy one too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import ipaddress
import json
import multiprocessing
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

BODY = b"<html>" + b"all systems go " * 135 + b"</html>"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    % len(BODY)
)
IN_FLIGHT = 200
"""Checks that run at once."""
IN_FLIGHT_TOGETHER = 50
"""The same for each of two that share a core: a check may take a second, on a busy machine too."""
CLIENTS = ("engine", "probe", "pycurl", "aiohttp")
GOALS_US = {"http": 90, "https": 650}
QUIET_PYCURL_US = {"http": 45, "https": 634}
"""What the bare loop cost on the machine for which the goals were set: the goal as a ratio holds on any other."""
MONITORS = {"http": 12_000, "https": 2_000}
"""Each due every second: more than can be checked, so that nothing is ever idle."""


# --- the server -------------------------------------------------------------------------------------------------------


class Answering(asyncio.Protocol):
    """Answers every request with the same page and closes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        if b"\r\n\r\n" in self.received:
            self.transport.write(ANSWER + BODY)
            self.transport.close()


def serve(folder: str, ready: Any) -> None:
    """Run the server on core 1 until killed."""
    import uvloop

    pin(1)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/leaf.pem", f"{folder}/leaf.key")
        context.num_tickets = 0
        # The client chooses, as with nginx and Apache as they come: else no order of its ciphers shows in anything.
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        plain = await loop.create_server(Answering, "127.0.0.1", 0, backlog=4096)
        secure = await loop.create_server(Answering, "127.0.0.1", 0, backlog=4096, ssl=context)
        ready.put([server.sockets[0].getsockname()[1] for server in (plain, secure)])
        await asyncio.Event().wait()

    uvloop.run(main())


def make_certificates(folder: str) -> None:
    """An authority and a leaf for `localhost`, both ECDSA P-256; the authority joins a bundle of ordinary size."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from tocsin.kernel.net.real import trusted_authorities

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)

    def builder(subject: str, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("bench authority"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=60))
        )

    ca = builder("bench authority", ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = builder("localhost", key.public_key()).add_extension(x509.SubjectAlternativeName(names), critical=False)
    pem = serialization.Encoding.PEM
    ca_pem = ca.sign(ca_key, hashes.SHA256()).public_bytes(pem)
    Path(folder, "leaf.pem").write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    Path(folder, "leaf.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    try:
        bundle = Path(trusted_authorities()).read_bytes()
    except FileNotFoundError:
        bundle = b""
    Path(folder, "ca.pem").write_bytes(bundle + b"\n" + ca_pem)


# --- the clients ------------------------------------------------------------------------------------------------------


ASKED = {"required_keyword": "systems go", "request_timeout": 1, "ip_version": "ipv4"}


def seed(data: Path, url: str) -> None:
    """A database of monitors that have been up for a while, so that what is measured is the steady state."""
    from tocsin.accounts import actions as accounts
    from tocsin.kernel.clock import to_milliseconds
    from tocsin.monitors import actions
    from tocsin.monitors.api import Limits
    from tocsin.monitors.model import MonitorStatus, Standing
    from tocsin.monitors.store import states
    from tocsin.storage import Tx
    from tocsin.storage.migrate import migrate

    def fill(tx: Tx) -> None:
        team = accounts.ensure_team(tx, "Bench")
        for _ in range(MONITORS[url.split(":")[0]]):
            given = {"url": url, "monitor_type": "keyword", "check_frequency": 1, **ASKED}
            monitor = actions.create(tx, team.id, given, Limits(1), "http://127.0.0.1")
            states.save_standing(tx, monitor.id, Standing(status=MonitorStatus.UP, observed_ms=to_milliseconds(tx.now)))

    database = opened(data)
    migrate(database)
    database.submit_write(fill).result()
    database.close()


def opened(data: Path) -> Any:
    from tocsin.kernel.clock import SystemClock
    from tocsin.kernel.vault import Vault
    from tocsin.storage import MemoryBus, open_database

    return open_database(f"sqlite:///{data}", SystemClock(), MemoryBus(), Vault("a key for this benchmark alone, long"))


def run_engine(url: str, ca_file: str, seconds: float, in_flight: int = IN_FLIGHT) -> tuple[int, float]:
    """The probe, the engine that judges and records, and the database, as the program runs them."""
    import uvloop

    from tocsin.kernel.clock import SystemClock
    from tocsin.kernel.net import RealNet
    from tocsin.monitors.probe import Probe
    from tocsin.monitors.worker import Engine

    scheme = url.split(":")[0]
    clock = SystemClock()

    async def main() -> tuple[int, float]:
        database = opened(Path(ca_file).with_name(f"{scheme}.db"))
        net = RealNet(clock, ca_file=ca_file)
        net.start()
        engine = Engine(database, clock, "http://127.0.0.1")
        probe = Probe(net, clock, "eu", engine.deliver, max_in_flight=in_flight)
        engine.attach(probe)
        probe.start()
        stop, beaten = asyncio.Event(), asyncio.Event()

        async def beat() -> None:
            while not stop.is_set():
                await engine.run_once()
                beaten.set()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 1.0)

        beating = asyncio.create_task(beat())
        # Past the first round, in which every certificate is read and written down.
        while probe_finished(probe) < MONITORS[scheme] or engine.judging:
            await asyncio.sleep(0.05)
        settle()
        beaten.clear()
        await beaten.wait()  # From one beat's end to another's: what is checked in between is what is written down.
        done, written, used = probe_finished(probe), engine.samples_written, cpu()
        await asyncio.sleep(seconds)
        beaten.clear()
        await beaten.wait()
        done, used = probe_finished(probe) - done, cpu() - used
        written = engine.samples_written - written
        if not 0.8 < written / done < 1.25 or probe.figures().finished["down"]:
            print(f"  engine: of {done} checks {written} were recorded: {probe.figures()}", file=sys.stderr)
        stop.set()
        await beating
        probe.stop()
        net.stop()
        await engine.close()
        database.close()
        return done, used

    return uvloop.run(main())


def probe_finished(probe: Any) -> int:
    return sum(probe.figures().finished.values())


def settle() -> None:
    """What the program does with its memory once it is set up."""
    from tocsin.runtime.memory import settle

    settle()


def run_probe(url: str, ca_file: str, seconds: float, in_flight: int = IN_FLIGHT) -> tuple[int, float]:
    """More monitors than can be checked, so that the probe is never idle."""
    from tocsin.kernel.clock import SystemClock
    from tocsin.kernel.net import RealNet
    from tocsin.monitors.model import CheckSpec, Observation, Verdict
    from tocsin.monitors.probe import Probe

    clock = SystemClock()
    net = RealNet(clock, ca_file=ca_file)
    net.start()
    seen = dict.fromkeys(Verdict, 0)
    cause: list[str | None] = []

    def deliver(batch: list[Observation]) -> None:
        for observation in batch:
            seen[observation.verdict] += 1
            if observation.verdict is not Verdict.UP and len(cause) < 3:
                cause.append(observation.cause)

    probe = Probe(net, clock, "eu", deliver, max_in_flight=in_flight)
    count = MONITORS[url.split(":")[0]]
    probe.replace(
        CheckSpec(monitor_id=index, revision=1, kind="keyword", frequency_seconds=1, settings={"url": url, **ASKED})
        for index in range(1, count + 1)
    )
    probe.start()
    # Past the first round, in which every monitor also has its certificate read.
    while probe_finished(probe) < (count if url.startswith("https:") else 1_000):
        time.sleep(0.05)
    settle()
    done, used = probe_finished(probe), cpu()
    time.sleep(seconds)
    done, used = probe_finished(probe) - done, cpu() - used
    probe.stop()
    net.stop()
    if seen[Verdict.DOWN] or seen[Verdict.UNKNOWN]:
        print(f"  probe: {seen[Verdict.DOWN]} down, {seen[Verdict.UNKNOWN]} unknown: {cause}", file=sys.stderr)
    return done, used


def run_pycurl(url: str, ca_file: str, seconds: float, in_flight: int = IN_FLIGHT) -> tuple[int, float]:
    """The bare loop: nothing but libcurl's perform and select, handles reused, keyword looked for."""
    import pycurl

    multi = pycurl.CurlMulti()
    chunks: dict[Any, list[bytes]] = {}
    address = url.split("//", 1)[1].rstrip("/")
    for _ in range(in_flight):
        curl = pycurl.Curl()
        chunks[curl] = []
        for option, value in (
            (pycurl.URL, url),
            (pycurl.NOSIGNAL, 1),
            (pycurl.FRESH_CONNECT, 1),
            (pycurl.FORBID_REUSE, 1),
            (pycurl.TIMEOUT_MS, 30_000),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.CAINFO, ca_file),
            (pycurl.SSL_SESSIONID_CACHE, 0),
            (pycurl.SSL_EC_CURVES, "X25519:P-256"),
            (pycurl.RESOLVE, [f"{address}:127.0.0.1"]),
            (pycurl.WRITEFUNCTION, chunks[curl].append),
        ):
            curl.setopt(option, value)
        multi.add_handle(curl)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    done, failed, used, end = 0, 0, cpu(), time.monotonic() + seconds
    while time.monotonic() < end and not stopped:
        multi.perform()
        multi.select(0.1)
        _, good, bad = multi.info_read()
        failed += len(bad)
        for curl in [*good, *(each[0] for each in bad)]:
            ok = curl.getinfo(pycurl.RESPONSE_CODE) == 200 and b"systems go" in b"".join(chunks[curl])
            chunks[curl].clear()
            done += ok
            multi.remove_handle(curl)
            multi.add_handle(curl)
    if failed:
        print(f"  pycurl: {failed} failed", file=sys.stderr)
    return done, cpu() - used


def run_aiohttp(url: str, ca_file: str, seconds: float, in_flight: int = IN_FLIGHT) -> tuple[int, float]:
    """aiohttp on uvloop, a fresh connection each time."""
    import aiohttp
    import uvloop

    async def main() -> tuple[int, float]:
        context = ssl.create_default_context(cafile=ca_file)
        connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=context, family=socket.AF_INET)
        done = 0
        async with aiohttp.ClientSession(connector=connector) as session:
            used, end = cpu(), time.monotonic() + seconds

            async def worker() -> None:
                nonlocal done
                while time.monotonic() < end:
                    async with session.get(url) as response:
                        done += response.status == 200 and b"systems go" in await response.read()

            await asyncio.gather(*(worker() for _ in range(in_flight)))
            return done, cpu() - used

    return uvloop.run(main())


# --- the table --------------------------------------------------------------------------------------------------------


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def pin(core: int) -> None:
    if (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


def client(name: str, url: str, ca_file: str, seconds: float, in_flight: int) -> None:
    """Be one client, on core 0; print what was measured."""
    pin(0)
    clients = {"engine": run_engine, "probe": run_probe, "pycurl": run_pycurl, "aiohttp": run_aiohttp}
    done, used = clients[name](url, ca_file, seconds, in_flight)
    print(json.dumps([done, used]))


def measure(name: str, url: str, ca_file: str, seconds: float, *more: str) -> tuple[float, float]:
    """(CPU microseconds per check, checks per second)."""
    command = [sys.executable, __file__, "--client", name, url, ca_file, "--seconds", str(seconds)]
    out = subprocess.run([*command, *more], check=True, stdout=subprocess.PIPE, timeout=120).stdout
    done, used = json.loads(out.decode().strip().splitlines()[-1])
    return used / max(done, 1) * 1e6, done / seconds


def measure_together(url: str, ca_file: str, seconds: float) -> dict[str, tuple[float, float]]:
    """The same of the engine and of the bare loop, which runs until the engine has ended."""
    command = [sys.executable, __file__, "--client", "pycurl", url, ca_file, "--seconds", "600", "--together"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reference:
        began = time.monotonic()
        try:
            engine = measure("engine", url, ca_file, seconds, "--together")
        finally:
            reference.terminate()
        out, _ = reference.communicate(timeout=60)
    done, used = json.loads(out)
    return {"engine": engine, "pycurl": (used / max(done, 1) * 1e6, done / (time.monotonic() - began))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--together", action="store_true", help="the engine and the bare loop at once")
    parser.add_argument("--schemes", nargs="*", default=list(GOALS_US), choices=list(GOALS_US))
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        client(*arguments.client, arguments.seconds, IN_FLIGHT_TOGETHER if arguments.together else IN_FLIGHT)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_certificates(folder)
        ready: Any = multiprocessing.Queue()
        server = multiprocessing.Process(target=serve, args=(folder, ready), daemon=True)
        server.start()
        ports = dict(zip(("http", "https"), ready.get(timeout=10), strict=True))
        for scheme in arguments.schemes:
            port = ports[scheme]
            seed(Path(folder, f"{scheme}.db"), f"{scheme}://localhost:{port}/")
        rows: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for _ in range(arguments.rounds):
            for scheme in arguments.schemes:
                url = f"{scheme}://localhost:{ports[scheme]}/"
                if arguments.together:
                    for name, found in measure_together(url, f"{folder}/ca.pem", arguments.seconds).items():
                        rows.setdefault((scheme, name), []).append(found)
                    continue
                for name in CLIENTS:
                    rows.setdefault((scheme, name), []).append(
                        measure(name, url, f"{folder}/ca.pem", arguments.seconds)
                    )
        server.kill()
    print(f"load average {os.getloadavg()[0]:.1f}; medians, and the least of {arguments.rounds} rounds")
    print(f"{'scheme':7}{'client':10}{'CPU us/check':>13}{'least':>8}{'checks/s':>10}{'x pycurl':>10}")
    for scheme, name in rows:
        costs = [each[0] for each in rows[scheme, name]]
        ratio = median(mine / bare[0] for mine, bare in zip(costs, rows[scheme, "pycurl"], strict=True))
        wanted = GOALS_US[scheme] / QUIET_PYCURL_US[scheme]
        note = f"   goal: {GOALS_US[scheme]} us, x {wanted:.2f}" if name == "engine" else ""
        rate = median(each[1] for each in rows[scheme, name])
        print(f"{scheme:7}{name:10}{median(costs):13.1f}{min(costs):8.1f}{rate:10.0f}{ratio:10.2f}{note}")


if __name__ == "__main__":
    main()
