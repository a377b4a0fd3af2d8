"""What to paste where, so that a job calls: with the heartbeat's own address in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_CURL = "curl -fsS -m 10 --retry 5 -o /dev/null"
_CRON_FIELDS = 5


class Snippet(msgspec.Struct, frozen=True):
    """One way to call."""

    key: str
    title: str
    words: str
    """Where it goes, and what it does."""
    code: str


def snippets(heartbeat: Mapping[str, Any]) -> list[Snippet]:
    """Every way that we show, the plainest first."""
    url, schedule = heartbeat["url"], _cron(heartbeat)
    name = _plain(heartbeat["slug"] or heartbeat["name"])
    codes = {
        "curl": _curl(url),
        "cron": f"{schedule} /usr/local/bin/{name}.sh; {_CURL} {url}/$?",
        "systemd": _systemd(url, name),
        "kubernetes": _kubernetes(url, name, schedule),
        "github": _GITHUB,
        "python": _python(url),
    }
    return [Snippet(key, title, words, codes[key]) for key, title, words in _WAYS]


_WAYS = (
    ("curl", "curl", "Put this at the end of your script: it is reached only when all before it went well."),
    ("cron", "cron", "One line of a crontab. The exit code is told too: anything but 0 opens an incident at once."),
    ("systemd", "systemd", "Into the service that a timer starts: it tells when the job begins, and how it ended."),
    ("kubernetes", "Kubernetes", "The job runs first; only when it has succeeded does the second container call."),
    (
        "github",
        "GitHub Actions",
        "Save the address as the repository's secret HEARTBEAT_URL, and make this the last step.",
    ),
    ("python", "Python", "Needs only the standard library. A failure is told at once, with its traceback."),
)


def _cron(heartbeat: Mapping[str, Any]) -> str:
    """Its own schedule where that is one of cron, else an example with about its period."""
    schedule = heartbeat["schedule"]
    if schedule and len(schedule.split()) == _CRON_FIELDS and "\n" not in schedule:
        return str(schedule)
    period = heartbeat["period"]
    if period < 3_600:
        return f"*/{max(1, min(30, period // 60))} * * * *"
    return "0 * * * *" if period < 86_400 else "0 2 * * *"


def _plain(name: str) -> str:
    """A name as file systems and Kubernetes take it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "job"


def _curl(url: str) -> str:
    return f"""{_CURL} {url}

# It has failed? Say so, with the last lines of its log:
tail -n 50 job.log | {_CURL} --data-binary @- {url}/fail"""


def _systemd(url: str, name: str) -> str:
    return f"""[Service]
Type=oneshot
ExecStartPre=-/usr/bin/{_CURL} {url}/start
ExecStart=/usr/local/bin/{name}.sh
ExecStopPost=/bin/sh -c '{_CURL} {url}/$$([ "$$SERVICE_RESULT" = success ] && echo 0 || echo fail)'"""


def _kubernetes(url: str, name: str, schedule: str) -> str:
    return f"""apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}
spec:
  schedule: "{schedule}"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          initContainers:
            - name: job
              image: registry.example.com/{name}:latest
          containers:
            - name: call
              image: curlimages/curl:latest
              args: ["-fsS", "-m", "10", "--retry", "5", "{url}"]"""


_GITHUB = """- name: Tell Tocsin how it went
  if: always()
  env:
    HEARTBEAT_URL: ${{ secrets.HEARTBEAT_URL }}
  run: curl -fsS -m 10 --retry 5 -o /dev/null "$HEARTBEAT_URL${{ job.status != 'success' && '/fail' || '' }}\""""


def _python(url: str) -> str:
    return f"""import traceback
from urllib.request import urlopen

HEARTBEAT = "{url}"


def main() -> None:
    ...  # your job


urlopen(f"{{HEARTBEAT}}/start", timeout=10)
try:
    main()
except BaseException:
    urlopen(f"{{HEARTBEAT}}/fail", data=traceback.format_exc().encode(), timeout=10)
    raise
urlopen(HEARTBEAT, timeout=10)"""
