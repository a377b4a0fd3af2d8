"""What clouds send, in their own field names: AWS, Azure, Google."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


ALARM_ARN = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:High CPU"
SNS = "https://sns.eu-central-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"


def alarm(state: str = "ALARM", **changes: Any) -> Json:
    return {
        "AlarmName": "High CPU",
        "AlarmDescription": "CPU of the shop",
        "AWSAccountId": "123456789012",
        "AlarmConfigurationUpdatedTimestamp": "2026-11-01T10:00:00.000+0000",
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint [99.0] was greater than the threshold (80.0).",
        "StateChangeTime": "2026-11-02T13:08:45.828+0000",
        "Region": "EU (Frankfurt)",
        "AlarmArn": ALARM_ARN,
        "OldStateValue": "OK" if state == "ALARM" else "ALARM",
        "OKActions": [TOPIC],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Unit": None,
            "Dimensions": [{"value": "i-0abc", "name": "InstanceId"}],
            "Period": 300,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 80.0,
            "TreatMissingData": "missing",
            "EvaluateLowSampleCountPercentile": "",
        },
    } | changes


def sns(message: object, **changes: Any) -> Json:
    """The envelope in which SNS delivers."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": 'ALARM: "High CPU" in EU (Frankfurt)',
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-02T13:08:45.900Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": f"{SNS}/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
        "UnsubscribeURL": f"{SNS}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:c9135db0",
    } | changes


def sns_confirmation(**changes: Any) -> Json:
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37",
        "TopicArn": TOPIC,
        "Message": f"You have chosen to subscribe to the topic {TOPIC}.",
        "SubscribeURL": f"{SNS}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37",
        "Timestamp": "2026-11-02T13:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": f"{SNS}/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
    } | changes


def eventbridge(state: str = "ALARM") -> Json:
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "123456789012",
        "time": "2026-11-02T13:08:45Z",
        "region": "eu-central-1",
        "resources": [ALARM_ARN],
        "detail": {
            "alarmName": "High CPU",
            "configuration": {"description": "CPU of the shop", "metrics": []},
            "previousState": {"value": "OK"},
            "state": {"value": state, "reason": "Threshold Crossed", "timestamp": "2026-11-02T13:08:45.828+0000"},
        },
    }


def azure(condition: str = "Fired", **changes: Any) -> Json:
    """A metric alert in the common alert schema."""
    target = (
        "/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/shop/providers/microsoft.compute/vms/web1"
    )
    essentials = {
        "alertId": "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.AlertsManagement/alerts/"
        "b9569717-bc32-442f-add5-83a997729330",
        "alertRule": "CPU of web1",
        "severity": "Sev1",
        "signalType": "Metric",
        "monitorCondition": condition,
        "monitoringService": "Platform",
        "alertTargetIDs": [target],
        "configurationItems": ["web1"],
        "originAlertId": "3f2d4487-b0fc-4125-8bd5-7ad17384221e_shop_microsoft.insights_metricAlerts_CPU_-117781227",
        "firedDateTime": "2026-11-02T13:58:24.3713213Z",
        "description": "",
        "essentialsVersion": "1.0",
        "alertContextVersion": "1.0",
    }
    if condition == "Resolved":
        essentials["resolvedDateTime"] = "2026-11-02T14:03:16.2246313Z"
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": essentials | changes,
            "alertContext": {
                "properties": None,
                "conditionType": "SingleResourceMultipleMetricCriteria",
                "condition": {
                    "windowSize": "PT5M",
                    "allOf": [
                        {
                            "metricName": "Percentage CPU",
                            "metricNamespace": "Microsoft.Compute/virtualMachines",
                            "operator": "GreaterThan",
                            "threshold": "25",
                            "timeAggregation": "Average",
                            "dimensions": [],
                            "metricValue": 31.8,
                        }
                    ],
                },
            },
            "customProperties": {"runbook": "https://wiki.example.org/cpu"},
        },
    }


def google(state: str = "open", **changes: Any) -> Json:
    """Schema 1.2 of Cloud Monitoring's webhook."""
    incident = {
        "condition": {
            "displayName": "VM Instance - CPU utilization",
            "name": "projects/p/alertPolicies/1/conditions/2",
        },
        "condition_name": "VM Instance - CPU utilization",
        "documentation": {"content": "What to do: wiki.example.org/cpu", "mime_type": "text/markdown"},
        "ended_at": None if state == "open" else 1675316387,
        "incident_id": "0.mtdi83m6w8ao",
        "metadata": {"system_labels": {}, "user_labels": {"tier": "web"}},
        "metric": {
            "displayName": "CPU utilization",
            "labels": {"instance_name": "web1"},
            "type": "compute.googleapis.com/instance/cpu/utilization",
        },
        "observed_value": "0.790",
        "policy_name": "CPU of the shop",
        "resource": {"labels": {"project_id": "shop", "zone": "europe-west3-a"}, "type": "gce_instance"},
        "resource_id": "",
        "resource_name": "shop VM Instance labels {project_id=shop}",
        "resource_type_display_name": "VM Instance",
        "scoping_project_id": "shop",
        "scoping_project_number": 286919713412,
        "severity": "Critical",
        "started_at": 1675315787,
        "state": state,
        "summary": "CPU utilization for shop VM Instance is above the threshold of 0.500 with a value of 0.790.",
        "threshold_value": "0.5",
        "url": "https://console.cloud.google.com/monitoring/alerting/incidents/0.mtdi83m6w8ao?project=shop",
    }
    return {"incident": incident | changes, "version": "1.2"}
