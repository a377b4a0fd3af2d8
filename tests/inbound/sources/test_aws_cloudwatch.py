"""CloudWatch alarms by way of SNS."""

from __future__ import annotations

import pytest

from tests.inbound.sources.clouds import ALARM_ARN, SNS, TOPIC, alarm, eventbridge, sns, sns_confirmation
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable, confirmation_url, sources
from tocsin.inbound.sources import aws_cloudwatch as source


def read(body: object) -> list[Alert]:
    return source.read(request(body), SourceSettings())


def confirm(body: object) -> str | None:
    return confirmation_url(sources()["aws_cloudwatch"], request(body))


def test_an_alarm() -> None:
    [alert] = read(sns(alarm()))
    assert alert.alert_id == ALARM_ARN
    assert alert.title == "High CPU"
    assert alert.cause.startswith("Threshold Crossed: 1 datapoint")
    assert alert.url == (
        "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#alarmsV2:alarm/High%20CPU"
    )
    assert alert.facts["metric"] == "CPUUtilization"
    assert alert.facts["dimensions"] == "InstanceId=i-0abc"
    assert alert.facts["account"] == "123456789012"


def test_the_same_alarm_is_known_by_every_road() -> None:
    roads = (sns(alarm()), alarm(), sns(eventbridge()), eventbridge())
    assert {read(road)[0].alert_id for road in roads} == {ALARM_ARN}


def test_an_alarm_without_an_arn_is_known_by_account_region_and_name() -> None:
    assert read(alarm(AlarmArn=None))[0].alert_id == "123456789012/EU (Frankfurt)/High CPU"


def test_each_contributor_of_an_alarm_is_a_trouble_of_its_own() -> None:
    ids = {read(alarm(AlarmContributorId=contributor))[0].alert_id for contributor in ("a", "b")}
    assert ids == {f"{ALARM_ARN}/a", f"{ALARM_ARN}/b"}


def test_missing_data_is_a_trouble_for_those_who_asked_to_hear_of_it() -> None:
    assert read(alarm("INSUFFICIENT_DATA"))[0].action == "started"


def test_a_subscription_is_confirmed_at_sns() -> None:
    body = sns_confirmation()
    assert confirm(body) == body["SubscribeURL"]
    assert read(body) == []


def test_a_notification_or_a_farewell_confirms_nothing() -> None:
    assert confirm(sns(alarm())) is None
    farewell = sns_confirmation(Type="UnsubscribeConfirmation")
    assert confirm(farewell) is None, "its SubscribeURL would undo what somebody has just done"
    assert read(farewell) == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=1&TopicArn={TOPIC}",
        f"https://sns.eu-central-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&Token=1&TopicArn={TOPIC}",
        f"https://evil.example/?Action=ConfirmSubscription&Token=1&TopicArn={TOPIC}",
        f"https://sns.eu-central-1.amazonaws.com@evil.example/?Action=ConfirmSubscription&Token=1&TopicArn={TOPIC}",
        f"https://sns.eu-central-1.amazonaws.com:8443/?Action=ConfirmSubscription&Token=1&TopicArn={TOPIC}",
        f"https://sns.eu-central-1.amazonaws.com\n.evil.example/?Action=ConfirmSubscription&Token=1&TopicArn={TOPIC}",
        f"{SNS}/?Action=Publish&Token=1&TopicArn={TOPIC}&Message=hello",
        f"{SNS}/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"{SNS}/?Action=ConfirmSubscription&Action=Publish&Token=1",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1/",
        "",
    ],
)
def test_no_other_url_is_ever_fetched(url: str) -> None:
    body = sns_confirmation(SubscribeURL=url)
    assert confirm(body) is None
    with pytest.raises(Unreadable, match="SubscribeURL"):
        read(body)


def test_sns_in_china_has_its_own_name() -> None:
    url = (
        SNS.replace("eu-central-1.amazonaws.com", "cn-north-1.amazonaws.com.cn")
        + "/?Action=ConfirmSubscription&Token=1"
    )
    assert confirm(sns_confirmation(SubscribeURL=url)) == url


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (sns("Hello world!"), "its alarm as JSON in `Message`"),
        (sns({"Event": "autoscaling:TEST_NOTIFICATION"}), "`AlarmName` is missing"),
        (sns(alarm(), Message=None), "`Message`, the alarm as JSON text, is missing"),
        (sns(alarm(), Type="Telegram"), "must be Notification, not 'Telegram'"),
        (sns(alarm(), SigningCertURL="https://evil.example/cert.pem"), "SigningCertURL"),
        (alarm("GREEN"), "ALARM, OK or INSUFFICIENT_DATA, not 'GREEN'"),
    ],
)
def test_what_is_no_alarm_is_refused(body: object, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(body)
