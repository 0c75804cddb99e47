"""`careline uplift`: what a playbook achieved over leaving customers alone."""

from typing import Annotated, Any

import typer

from careline_cli import service_api
from careline_cli.console import AsJson, stdout

WORDS = {
    "not_enough_data": "not enough data to say anything",
    "split_is_off": "the groups are not split as planned: something else decides who is in which",
    "better": "better than doing nothing",
    "worse": "worse than doing nothing",
    "no_difference_shown": "no difference shown",
}


def uplift(
    playbook: Annotated[str, typer.Argument(metavar="PLAYBOOK")],
    as_json: AsJson = False,
) -> None:
    """Say what a playbook achieved over doing nothing, with a 95 % interval.

    Only cases whose window is over are counted, of the present version of the playbook.

    [bold]Examples[/]

    careline uplift wake-up

    careline uplift wake-up --json
    """
    found: dict[str, Any] = service_api.ask("engagement", "GET", f"/v1/playbooks/{playbook}/uplift")
    if as_json:
        stdout.print_json(data=found)
        return
    for name, words in (("treated", "cared for"), ("held_out", "left alone")):
        group = found[name]
        stdout.print(
            f"{words:<10} {group['reached']:,} of {group['cases']:,} {found['goal']} "
            f"within {found['window_days']} days ({100 * group['share']:.1f} %)",
            highlight=False,
        )
    if found["difference"] is not None:
        low, high = 100 * found["low"], 100 * found["high"]
        stdout.print(
            f"difference {100 * found['difference']:+.1f} points, 95 %: {low:+.1f} to {high:+.1f}",
            highlight=False,
        )
    stdout.print(f"[bold]{WORDS[found['verdict']]}[/]", highlight=False)
