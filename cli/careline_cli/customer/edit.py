"""`careline customer edit`: puts fields of a record right, with a reason."""

from typing import Annotated

import typer

from careline_cli.console import AsJson, stdout
from careline_cli.customer import profile_api
from careline_cli.customer.profile_api import ask, number_of
from careline_cli.customer.show import Name


def edit(
    name: Name,
    reason: Annotated[
        str, typer.Option(callback=profile_api.reason, help="Why; kept with the change.")
    ],
    set_to: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=VALUE; may be given several times.")
    ] = None,
    take_away: Annotated[
        list[str] | None,
        typer.Option(help="FIELD, or FIELD=VALUE of a field that has several."),
    ] = None,
    verified_by: Annotated[
        str | None, typer.Option(help="call_back, email, third_party or document.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put fields of a customer's record right.

    [bold]Examples[/]

    careline customer edit member_card:00001 --set region=CN-31 --reason "told on the phone"

    careline customer edit member_card:00001 --take-away special_care=vip --reason "left the club"
    """
    edits = [_edit(text, "value") for text in set_to or ()]
    edits += [_edit(text, "item") for text in take_away or ()]
    if not edits:
        raise typer.BadParameter("nothing to change: --set or --take-away says what")
    body = {"edits": edits, "reason": reason, "verified_by": verified_by}
    done = ask("POST", f"/v1/customers/{number_of(name)}/edits", role="agent", json=body)
    if as_json:
        stdout.print_json(data=done)
    elif done["fields"]:
        stdout.print(f"{done['customer']}: {', '.join(done['fields'])}")
    else:
        stdout.print(f"{done['customer']}: reads as before, a more trusted value stands")


def _edit(text: str, side: str) -> dict[str, str]:
    field, equals, rest = text.partition("=")
    if side == "value" and not equals:
        raise typer.BadParameter(f"{text!r} is not FIELD=VALUE")
    return {"field": field, side: rest}
