"""What can be done with messages: plan one, take it back, hand it to a sender, write down what came of it."""

from tocsin.notify.actions.answering import (
    answer_token,
    answer_url,
    by_code,
    state_url,
    verify_answer,
    verify_state,
)
from tocsin.notify.actions.arriving import breach, count_breaches, look_after, paging_of, receipt
from tocsin.notify.actions.failing_over import GivenUp
from tocsin.notify.actions.holding import DIGEST_CHANNEL
from tocsin.notify.actions.installation import available, configured
from tocsin.notify.actions.keeping import ROWS_PER_DELIVERY, forget, prune
from tocsin.notify.actions.looking import (
    COUNTED,
    MAX_CHANNELS,
    MAX_LEDGER_LINES,
    log,
    look,
    moved_since,
    newest_line,
    paged,
    states,
    taken_back,
)
from tocsin.notify.actions.planning import DELIVERIES_TOPIC, cancel, queue, queue_again, renew
from tocsin.notify.actions.proving import ledger_csv, proofs, told
from tocsin.notify.actions.recording import MAX_DETAIL_CHARACTERS, notice_of
from tocsin.notify.actions.self_tests import tend as tend_self_tests
from tocsin.notify.actions.sending import Gone, claim, settle, take_over, wanted

__all__ = [
    "COUNTED",
    "DELIVERIES_TOPIC",
    "DIGEST_CHANNEL",
    "MAX_CHANNELS",
    "MAX_DETAIL_CHARACTERS",
    "MAX_LEDGER_LINES",
    "ROWS_PER_DELIVERY",
    "GivenUp",
    "Gone",
    "answer_token",
    "answer_url",
    "available",
    "breach",
    "by_code",
    "cancel",
    "claim",
    "configured",
    "count_breaches",
    "forget",
    "ledger_csv",
    "log",
    "look",
    "look_after",
    "moved_since",
    "newest_line",
    "notice_of",
    "paged",
    "paging_of",
    "proofs",
    "prune",
    "queue",
    "queue_again",
    "receipt",
    "renew",
    "settle",
    "state_url",
    "states",
    "take_over",
    "taken_back",
    "tend_self_tests",
    "told",
    "verify_answer",
    "verify_state",
    "wanted",
]
