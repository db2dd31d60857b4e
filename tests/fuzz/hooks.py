"""What the document of the API cannot say to the fuzzer, each with its reason.

Nothing here hides an answer: requests are completed or left out before they are sent, and every check
looks at every answer.
"""

import collections
import hashlib
import hmac
import itertools
import json
import os
import re
from datetime import datetime

import schemathesis
from schemathesis.core import NotSet

ORDER_ID = re.compile(r"ord_[0-9a-f]{32}\Z")
WEBHOOK_ID = re.compile(r"whk_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
SIGNATURE = re.compile(r"[0-9A-Fa-f]{128}\Z")
# Orders of the customer's, one in every status.
ORDERS = os.environ["ORDER_IDS"].split(",")
# Two endpoints of the customer's.
PINGED, CHANGED = os.environ["WEBHOOK_IDS"].split(",")
# The keys that the fuzzer asks with.
OWN_KEYS = os.environ["KEY_IDS"].split(",")
# By operation, the ids of what it can be done to.
SEEDS = json.loads(os.environ["SEEDS"])
SEED_ID = re.compile(r"(ord_[0-9a-f]{32}|(key|whk|wdl|att)_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z")
turns = collections.defaultdict(itertools.count)
answers = set()
AMOUNTS = ("price_amount", "pay_amount", "actually_paid")
IPN_SECRET = os.environ["IPN_SECRET"].encode()


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Random ids lead to 404 only, so most that are well-formed become one of an order that is there."""
    order_id = (path_parameters or {}).get("order_id")
    if isinstance(order_id, str) and ORDER_ID.match(order_id):
        choice = int(order_id[-4:], 16) % (len(ORDERS) + 1)
        if choice < len(ORDERS):
            path_parameters["order_id"] = ORDERS[choice]
    return path_parameters


@schemathesis.hook
def map_query(context, query):
    """A long poll would hold the run for its 30 seconds, so it asks for what has changed long ago."""
    if query and query.get("wait") not in (None, 0, "0"):
        since = query.get("since")
        if since is None or (isinstance(since, str) and TIME.match(since)):
            query["since"] = "1971-01-01T00:00:01Z"
    return query


@schemathesis.hook
def filter_query(context, query):
    """A schema cannot compare two parameters: an end that is not after its beginning is rightly refused.

    And a parameter without a name is nobody's: it is passed over like any that is not known, but the fuzzer knows
    this only of those that have a name.
    """
    if "" in (query or {}):
        return False
    for what in ("created", "paid"):
        begin, end = (query or {}).get(f"{what}_after"), (query or {}).get(f"{what}_before")
        begin, end = moment(begin), moment(end)
        if begin is not None and end is not None and end <= begin:
            return False
    return True


def moment(text):
    """A time as milliseconds, as the service keeps it."""
    try:
        return int(datetime.fromisoformat(text.upper().replace(" ", "T", 1)).timestamp() * 1000)
    except (AttributeError, ValueError):
        return None


@schemathesis.hook
def map_body(context, body):
    """A schema knows no clock: a key's end that has passed is rightly refused, so it is put off."""
    end = body.get("expires_at") if isinstance(body, dict) else None
    if isinstance(end, str) and TIME.match(end) and end[:1] in "12" and end[:4] < "2100":
        body["expires_at"] = "2100" + end[4:].replace("02-29", "02-28")
    since = body.get("since") if isinstance(body, dict) else None
    # Nor does it know that what is to come cannot have been missed.
    if isinstance(since, str) and TIME.match(since) and "2020" < since[:4]:
        body["since"] = "2020" + since[4:]
    return body


@schemathesis.hook
def filter_body(context, body):
    """Digits and exponents of an amount are bounded by their spelling, of which a schema knows nothing."""
    # Half an emoji is no character of any text: what is made of it is tested by hand.
    if any("\ud800" <= letter <= "\udfff" for letter in json.dumps(body, ensure_ascii=False, default=str)):
        return False
    amounts = [body.get(name) for name in AMOUNTS] if isinstance(body, dict) else []
    return not any(isinstance(amount, (int, float)) and 0 < abs(amount) and not 1e-100 < abs(amount) < 1e100 for amount in amounts)


@schemathesis.hook("before_call")
def ask_for_the_past(context, case, kwargs):
    """An example knows no clock either: what is asked for since then must have begun."""
    for part in (case.query, case.body):
        since = part.get("since") if isinstance(part, dict) else None
        if isinstance(since, str) and TIME.match(since) and since[:4] == "2026":
            part["since"] = "2020" + since[4:]


@schemathesis.hook("before_call")
def spare_own_key(context, case, kwargs):
    """Whoever revokes or rotates the key that it asks with learns nothing more: it asks for one that is not there."""
    if (case.path_parameters or {}).get("id") in OWN_KEYS:
        case.path_parameters["id"] = "key_00000000-0000-4000-8000-000000000000"


@schemathesis.hook("before_call")
def choose_webhook(context, case, kwargs):
    """Random ids lead to 404 only; and an endpoint that is paused refuses a ping, of which a schema knows nothing.

    So one is there to be pinged and is left as it is, and one to be changed. None that is there is deleted.
    """
    webhook = (case.path_parameters or {}).get("id")
    if isinstance(webhook, str) and WEBHOOK_ID.match(webhook) and case.method.upper() != "DELETE":
        case.path_parameters["id"] = PINGED if case.operation.path.endswith("/test") else CHANGED


@schemathesis.hook("before_call")
def choose_what_is_there(context, case, kwargs):
    """Of what an operation can be done to once, or in one state only, several are there; a well-formed id becomes one
    of them in turn, and now and then stays the one of nothing."""
    waiting = SEEDS.get(f"{case.method.upper()} {case.operation.path}")
    for name, value in (case.path_parameters or {}).items():
        if waiting and isinstance(value, str) and SEED_ID.match(value):
            turn = next(turns[case.operation.path])
            if turn % 4 != 3:
                case.path_parameters[name] = waiting[turn % len(waiting)]


@schemathesis.hook("after_call")
def note_answer(context, case, response):
    """Which answers an operation gave: one that never succeeds is not held against the document."""
    answer = f"{case.method.upper()} {case.operation.path} {response.status_code}"
    if answer not in answers:
        answers.add(answer)
        with open(os.environ["ANSWERS"], "a", encoding="utf-8") as file:
            file.write(answer + "\n")


@schemathesis.hook("before_call")
def sign(context, case, kwargs):
    """Only the provider can sign; without a signature every report would be refused before it is read."""
    headers = case.headers or {}
    signature = headers.get("x-nowpayments-sig")
    if isinstance(signature, str) and SIGNATURE.match(signature):
        # The very bytes that `requests` makes of it.
        body = b"" if isinstance(case.body, NotSet) else case.body
        body = body if isinstance(body, bytes) else json.dumps(body, allow_nan=False).encode()
        headers["x-nowpayments-sig"] = hmac.new(IPN_SECRET, body, hashlib.sha512).hexdigest()
        case.headers = headers
