"""A real Dovecot on loopback: mailboxes by IMAP and POP3, in clear with STARTTLS and encrypted from the first byte."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.conftest import REQUIRE_ALL
from tests.monitors.checks.servers import free_ports, listens, program, running


class Mailboxes(NamedTuple):
    """The ports it listens on."""

    imap: int
    imaps: int
    pop3: int
    pop3s: int


CONFIGURATION = """
base_dir = {folder}/run
log_path = {folder}/dovecot.log
listen = 127.0.0.1
protocols = imap pop3
ssl = {ssl}
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {ports.imap}
  }}
  inet_listener imaps {{
    port = {ports.imaps}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {ports.pop3}
  }}
  inet_listener pop3s {{
    port = {ports.pop3s}
  }}
}}
"""


@contextmanager
def dovecot(folder: Path, certificate: trustme.LeafCert | None) -> Iterator[Mailboxes]:
    """Yields the ports; without a certificate it speaks in clear alone. Needs the rights of root."""
    executable = program("dovecot")
    if os.geteuid() != 0:
        if REQUIRE_ALL:
            pytest.fail("Dovecot can only be started by root, and this run must not skip anything")
        pytest.skip("Dovecot can only be started by root")
    given = certificate or trustme.CA().issue_cert("localhost")
    given.private_key_and_cert_chain_pem.write_to_path(str(folder / "key.pem"))
    given.private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
    ports = Mailboxes(*free_ports(len(Mailboxes._fields)))
    if certificate is None:
        ports = ports._replace(imaps=0, pop3s=0)
    file = folder / "dovecot.conf"
    file.write_text(CONFIGURATION.format(folder=folder, ports=ports, ssl="yes" if certificate else "no"))
    with running([executable, "-F", "-c", str(file)], lambda: all(listens(port) for port in ports if port), folder):
        yield ports
