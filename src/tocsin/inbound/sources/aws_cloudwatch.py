"""AWS CloudWatch: alarms that arrive through an SNS topic, and the topic's wish to have its subscription confirmed."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, urlsplit

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_LISTED, Fields, facts, identity, parse_object, read_object

KIND = "aws_cloudwatch"
NAME = "AWS CloudWatch"

_EXPECTED = "an SNS message with a CloudWatch alarm"
_SNS_HOST = re.compile(r"sns\.[a-z0-9-]{4,32}\.amazonaws\.com(\.cn)?")
"""Where SNS answers: https://docs.aws.amazon.com/general/latest/gr/sns.html."""
_ACTIONS: dict[str, Action] = {"ALARM": "started", "INSUFFICIENT_DATA": "started", "OK": "resolved"}
"""INSUFFICIENT_DATA is only sent when somebody has named the topic for it: then it is meant."""


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One alarm that has changed its state; its ARN is its id. Nothing for messages about the subscription itself.

    Reads the SNS envelope, an alarm delivered raw, and EventBridge's `CloudWatch Alarm State Change`.
    """
    message = read_object(received, _EXPECTED)
    kind = message.whole("Type")
    if kind == "SubscriptionConfirmation" and confirm(received) is None:
        raise Unreadable(f"Expected {_EXPECTED}: `SubscribeURL` must lead to SNS and confirm a subscription")
    if kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return []
    if kind and kind != "Notification":
        raise Unreadable(f"Expected {_EXPECTED}: `Type` must be Notification, not {kind[:50]!r}")
    if kind:
        certificate = message.whole("SigningCertURL")
        if certificate and not _is_sns(certificate):
            raise Unreadable(f"Expected {_EXPECTED}: `SigningCertURL` must lead to SNS")
        message = parse_object(_text(message), f"{_EXPECTED}, its alarm as JSON in `Message`")
    detail = message.object("detail")
    return [_event(message, detail) if detail.whole("alarmName") else _alarm(message)]


def confirm(received: Received) -> str | None:
    """The URL that confirms the subscription, when this asks for it. It is SNS's own over HTTPS and can do nothing but
    confirm: whoever knows the receiving address could send another."""
    try:
        message = read_object(received, _EXPECTED)
    except Unreadable:
        return None
    url = message.whole("SubscribeURL")
    if message.whole("Type") != "SubscriptionConfirmation" or not _is_sns(url):
        return None
    asked = parse_qs(urlsplit(url).query)
    return url if asked.get("Action") == ["ConfirmSubscription"] and asked.get("Token") else None


def _is_sns(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts.scheme == "https" and port in (None, 443) and not parts.username and parts.password is None
    return plain and bool(_SNS_HOST.fullmatch(parts.hostname or "")) and url.isascii() and url.isprintable()


def _text(message: Fields) -> str:
    text = message.raw("Message")
    if not isinstance(text, str):
        raise Unreadable(f"Expected {_EXPECTED}: `Message`, the alarm as JSON text, is missing")
    return text


def _action(state: str) -> Action:
    if state not in _ACTIONS:
        raise Unreadable(
            f"Expected {_EXPECTED}: `NewStateValue` must be ALARM, OK or INSUFFICIENT_DATA, not {state[:50]!r}"
        )
    return _ACTIONS[state]


def _alarm(alarm: Fields) -> Alert:
    """An alarm as CloudWatch writes it for SNS."""
    name = alarm.line("AlarmName")
    if not name:
        raise Unreadable(f"Expected {_EXPECTED}: `AlarmName` is missing")
    place = identity(alarm.whole("AWSAccountId"), alarm.whole("Region"), alarm.whole("AlarmName"))
    contributor = alarm.whole("AlarmContributorId")
    action = _action(alarm.whole("NewStateValue"))
    return Alert(
        action=action,
        alert_id=identity(alarm.whole("AlarmArn") or place or "", contributor),
        title=name,
        cause=alarm.text("NewStateReason") or name,
        url=_console(alarm.whole("AlarmArn")),
        facts=facts(
            action,
            {
                "description": alarm.text("AlarmDescription"),
                "state": alarm.line("NewStateValue"),
                "region": alarm.line("Region"),
                "account": alarm.line("AWSAccountId"),
                "namespace": alarm.line("Trigger.Namespace"),
                "metric": alarm.line("Trigger.MetricName"),
                "dimensions": _dimensions(alarm),
                "threshold": alarm.line("Trigger.Threshold"),
                "rule": alarm.text("AlarmRule"),
                "arn": alarm.line("AlarmArn"),
            },
        ),
    )


def _event(event: Fields, detail: Fields) -> Alert:
    """The same as EventBridge passes it on."""
    arns = event.listed("resources")
    name = detail.line("alarmName")
    action = _action(detail.whole("state.value"))
    return Alert(
        action=action,
        alert_id=identity(arns) or identity(event.whole("account"), event.whole("region"), detail.whole("alarmName")),
        title=name,
        cause=detail.text("state.reason") or name,
        url=_console(arns),
        facts=facts(
            action,
            {
                "description": detail.text("configuration.description"),
                "state": detail.line("state.value"),
                "region": event.line("region"),
                "account": event.line("account"),
                "arn": arns,
            },
        ),
    )


def _dimensions(alarm: Fields) -> str:
    given = alarm.objects("Trigger.Dimensions")[:MAX_LISTED]
    return ", ".join(f"{item.line('name', 'Name')}={item.line('value', 'Value')}" for item in given)


def _console(arn: str) -> str | None:
    """The alarm's page in AWS's console; None outside the commercial regions, whose consoles are elsewhere."""
    found = re.fullmatch(r"arn:aws:cloudwatch:([a-z0-9-]+):\d+:alarm:([\w .:/+=@-]+)", arn)
    if not found:
        return None
    region, name = found.groups()
    page = quote(name, safe="")
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{page}"
