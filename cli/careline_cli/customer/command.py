"""`careline customer`: the list of what can be done with one customer."""

import typer

from careline_cli.customer import review
from careline_cli.customer.edit import edit
from careline_cli.customer.erase import erase
from careline_cli.customer.export import export
from careline_cli.customer.history import history
from careline_cli.customer.links import links, split
from careline_cli.customer.quality import quality
from careline_cli.customer.show import show
from careline_cli.customer.timeline import timeline

app = typer.Typer(
    help="One customer: the record, and what people may do to it.\n\n[bold]Examples[/]\n\n"
    "careline customer show phone:+8613912345678\n\n"
    "careline customer timeline member_card:00001\n\n"
    "careline customer review list",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

app.command()(show)
app.command()(history)
app.command()(timeline)
app.command()(links)
app.command()(split)
app.command()(edit)
app.command()(quality)
app.command()(export)
app.command()(erase)
app.add_typer(review.app, name="review")
