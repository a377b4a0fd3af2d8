"""Which systems there are, in words for who sets one up: what it is for, and what to paste where."""

from __future__ import annotations

import msgspec


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A system that sends alerts."""

    key: str
    """In addresses of the console."""
    noun: str
    """Its operations are `noun.list`, `noun.create` and so on."""
    title: str
    group: str
    words: str
    steps: tuple[str, ...]
    """What to do there with the address."""
    address: str = "webhook_url"
    """The attribute that holds it."""
    ruled: bool = False
    """Whether people write rules for it."""


def _source(key: str, title: str, group: str, words: str, *steps: str, noun: str = "") -> Source:
    noun = noun or f"{key.replace('-', '_')}_integrations"
    return Source(key=key, noun=noun, title=title, group=group, words=words, steps=steps)


_ANY, _WATCHING, _CLOUD, _PAGING = "Anything", "Monitoring", "Clouds", "Other pagers"
SOURCES = (
    Source(
        key="webhook", noun="incoming_webhooks", title="Incoming webhook", group=_ANY, address="url", ruled=True,
        words="Anything that can send a web request. You say which messages start and end an incident.",
        steps=("Let the system POST its messages to this address.",
               "Look at what came below, then write rules and try them on it."),
    ),
    Source(
        key="email", noun="email_integrations", title="E-mail", group=_ANY, address="email_address", ruled=True,
        words="Anything that can only send mail. You say which mails start and end an incident.",
        steps=("Let the system send its mails to this address, or forward them here.",
               "The mail server of this installation must be on (--inbound-smtp-port)."),
    ),
    _source("prometheus", "Prometheus Alertmanager", _WATCHING, "Alerts of your rules, in Alertmanager's groups.",
            "In alertmanager.yml, add a receiver with webhook_configs and this address as url.",
            "Leave send_resolved on: it ends the incidents."),
    _source("grafana", "Grafana", _WATCHING, "Alert rules of Grafana's own alerting.",
            "Alerting → Contact points → Add: kind Webhook, this address as URL.",
            "Send it from a notification policy."),
    _source("datadog", "Datadog", _WATCHING, "Alerts of monitors, warnings too if you want them.",
            "Integrations → Webhooks → New: this address as URL, and the payload of our guide.",
            "Mention @webhook-NAME in the messages of your monitors."),
    _source("new-relic", "New Relic", _WATCHING, "Issues of your alert policies.",
            "Alerts → Destinations → Webhook: this address.", "Add it to a workflow."),
    _source("elastic", "Elastic", _WATCHING, "Rules of Kibana.",
            "Stack Management → Connectors → Webhook: method POST, this address.",
            "Use the connector in the actions of your rules, also when they recover."),
    _source("sentry", "Sentry", _WATCHING, "Issue and metric alerts of your code.",
            "Settings → Custom integrations → Internal integration: this address as webhook URL, alert rule action on.",
            "Let your alert rules notify the integration."),
    _source("aws-cloudwatch", "AWS CloudWatch", _CLOUD, "Alarms, through a topic of Amazon SNS.",
            "Create an HTTPS subscription of the alarm's topic with this address; it is confirmed by itself."),
    _source("azure", "Azure Monitor", _CLOUD, "Alerts of Azure, in the common alert schema.",
            "Add a webhook action with this address to an action group.", "Turn the common alert schema on."),
    _source("google-monitoring", "Google Cloud Monitoring", _CLOUD, "Incidents of your alerting policies.",
            "Alerting → Edit notification channels → Webhooks: this address."),
    _source("pagerduty", "PagerDuty Events", _PAGING, "What pages through PagerDuty's Events API pages through here.",
            "Send the events to this address in the place of events.pagerduty.com.",
            "The routing key is the one that stands below the address.", noun="pagerduty_events_integrations"),
    _source("opsgenie", "Opsgenie", _PAGING, "Whatever pages through Opsgenie's alert API pages through here.",
            "Use this address in the place of api.opsgenie.com.", "The API key stands below the address."),
)  # fmt: skip
BY_KEY = {source.key: source for source in SOURCES}

TARGETS = {
    "slack": ("Chat", "Messages in a channel, with buttons that acknowledge and resolve."),
    "microsoft_teams": ("Chat", "Cards in a channel of Microsoft Teams."),
    "discord": ("Chat", "Messages in a channel, kept up to date."),
    "telegram": ("Chat", "Messages of a bot in a group or a channel."),
    "mattermost": ("Chat", "Messages in a channel of Mattermost."),
    "ntfy": ("Push", "A topic of ntfy.sh or of your own server."),
    "pushover": ("Push", "A group of Pushover."),
    "pagerduty": ("Other pagers", "Incidents go on to a service of PagerDuty."),
    "splunk_on_call": ("Other pagers", "Incidents go on to Splunk On-Call."),
    "jira": ("Tickets", "An issue in Jira for each incident."),
    "linear": ("Tickets", "An issue in Linear for each incident."),
    "zapier": ("Automation", "Runs a Zap at each step of an incident."),
    "webhook": ("Automation", "A plain request, in the words of our own events."),
    "apprise": ("Anything", "Over a hundred further services, by an address of apprise."),
}
"""(group, words) of each kind of place."""

SETTING_HINTS = {
    "api_key": "Made in the settings of your account there.",
    "api_token": "An API token (Cloud) or a personal access token (Data Center).",
    "authorization": "The whole Authorization header, e.g. Bearer …; empty: none.",
    "bot_token": "Of the app's or the bot's settings, e.g. xoxb-….",
    "chat_id": "E.g. -1001234567890, or @name of a public channel.",
    "email": "Whose token it is (Cloud only).",
    "integration_type": "thread: the story goes on below the first message; channel: each incident has its own.",
    "jira_fields": "Further fields of a new issue, as Jira's API takes them.",
    "jira_issue_type_id": "A number, e.g. 10001.",
    "jira_project_key": "E.g. OPS.",
    "key": "The integration key of the service.",
    "priority": "0 none, 1 urgent, 2 high, 3 normal, 4 low.",
    "project_id": "The project's UUID; may be empty.",
    "resolve_state_id": "The state that the issue goes into when the incident is over; empty: only a comment.",
    "resolve_transition": "Name or number of the transition at the end; empty: only a comment.",
    "server": "Leave it as it is unless the server is your own.",
    "signing_secret": "Proves to either side that a message is genuine.",
    "site_url": "E.g. https://example.atlassian.net.",
    "slack_channel_id": "E.g. C0123456789.",
    "team_id": "The team's UUID.",
    "topic": "Whoever knows its name can read it: choose one that nobody guesses.",
    "url": "The secret address that the other system gave you.",
    "webhook_url": "The secret address that the other system gave you.",
}
