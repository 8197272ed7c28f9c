"""The paths of the console's listener."""

from sessiongate.http.message import Reply, Request
from sessiongate.http.router import Route
from sessiongate.operations.console.endpoint import ROOT, Console
from sessiongate.operations.console.replies import gone_to, guarded


def routes(console: Console) -> list[Route]:
    """The console, and where whoever leaves out its path is led."""

    async def front(request: Request) -> Reply:
        return guarded(request, gone_to(ROOT))

    return [
        Route("/", front, console.refuse, dialect="console"),
        Route("/console", front, console.refuse, dialect="console"),
        Route(ROOT, console, console.refuse, dialect="console"),
    ]
