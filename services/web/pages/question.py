"""The page that asks before something that cannot be taken back."""

from dataclasses import dataclass

from flask import render_template, request


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and the button that does it; the form has the field `also` if the option is taken."""

    title: str
    text: str
    button: str
    tone: str = "primary"
    option: str = ""


def ask(question: Question, back: str) -> str:
    """Show the question; its button posts to this same address, and the other way leads back."""
    return render_template("confirm.html", question=question, action=request.path, back=back)
