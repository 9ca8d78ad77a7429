"""The tester of a recorder: what an alert would do, before it costs money."""

from collections.abc import Mapping

from flask import render_template, request

from services.web.alert_messages import alert_messages, find_message
from services.web.alert_trial import try_alert
from services.web.backend import backend
from services.web.pages.blueprint import pages
from services.web.pages.recorders import own_recorder
from services.web.pages.viewer import viewer_zone
from services.web.trial_view import TrialView, view_trial
from services.web.trials import READERS, TrialRefused, parse_trial
from shared.store.recorders import Recorder

UNPROCESSABLE = 422
FIRST_SHOWN = {"held": "now", "held_quantity": "1", "order_action": "buy", "order_contracts": "1"}


@pages.get("/recorders/<int:recorder_id>/test")
def trial(recorder_id: int) -> str:
    """Show the tester, with the message that the query names."""
    message = find_message(request.args.get("message", ""))
    return _page(own_recorder(recorder_id), FIRST_SHOWN | {"body": message.text if message else ""})


@pages.post("/recorders/<int:recorder_id>/test")
def tried(recorder_id: int) -> str | tuple[str, int]:
    """Show what the alert would do; nothing is stored."""
    recorder = own_recorder(recorder_id)
    typed = {name: request.form.get(name, "") for name in ("body", *READERS)}
    try:
        wanted = parse_trial(typed["body"], {name: typed[name] for name in READERS})
        answer = try_alert(backend(), recorder, wanted)
    except TrialRefused as refused:
        return _page(recorder, typed, errors=refused.errors), UNPROCESSABLE
    return _page(recorder, typed, answer=view_trial(answer, recorder.settings, viewer_zone()))


def _page(
    recorder: Recorder,
    typed: Mapping[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    answer: TrialView | None = None,
) -> str:
    return render_template(
        "trial.html", recorder=recorder, typed=typed, errors=errors or {}, answer=answer, messages=alert_messages()
    )
