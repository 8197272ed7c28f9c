"""Many pyVmomi clients of one process at once, each with objects of its own; printed as JSON.

Run by the interpreter of one of the environments of `setup`: HOST PORT CA-FILE USER PASSWORD FIRST
COUNT. Every client logs in and makes a folder; then a line is printed, and a line of input waited
for, so that several processes have all their sessions open at once. Then every other client renames
its folder, waits for the task and for the news of its filter, which must be of that folder alone.
Clients that go on at the end have never logged out.
"""

import json
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyVim.connect import SmartConnect  # type: ignore[import-not-found]
from pyVim.task import WaitForTask  # type: ignore[import-not-found]
from pyVmomi import vim, vmodl  # type: ignore[import-not-found]

THREADS = 16


class Client:
    """One session, and the folder that it made."""

    def __init__(self, number: int, service: Any) -> None:
        self.number = number
        self.service = service
        self.content = service.RetrieveContent()
        self.key = self.content.sessionManager.currentSession.key
        datacenter = self.content.rootFolder.childEntity[0]
        self.folder = datacenter.vmFolder.CreateFolder(f"crowd-{number}")

    def work(self) -> str:
        """What went wrong; "" for nothing."""
        if self.number % 2:
            said = self.folder.name, type(self.service.CurrentTime()).__name__
            return "" if said == (f"crowd-{self.number}", "datetime") else f"read {said}"
        return self.watch()

    def watch(self) -> str:
        """Rename the folder, and have the news of it and of nothing else."""
        view = self.content.viewManager.CreateContainerView(self.folder, [vim.Folder], False)
        collector = self.content.propertyCollector
        made = collector.CreateFilter(
            vmodl.query.PropertyCollector.FilterSpec(
                propSet=[
                    vmodl.query.PropertyCollector.PropertySpec(type=vim.Folder, pathSet=["name"])
                ],
                objectSet=[vmodl.query.PropertyCollector.ObjectSpec(obj=self.folder)],
            ),
            False,
        )
        first = collector.WaitForUpdatesEx("")
        name = f"renamed-{self.number}"
        WaitForTask(self.folder.Rename_Task(name))
        second = collector.WaitForUpdatesEx(first.version)
        told = [
            (change.obj._moId, change.changeSet[0].val)
            for part in second.filterSet
            for change in part.objectSet
        ]
        mine = [
            key for key in (made._moId, view._moId) if self.key not in key and "session[" in key
        ]
        made.Destroy()
        view.Destroy()
        if mine:
            return f"objects of another session: {mine}"
        return "" if told == [(self.folder._moId, name)] else f"told {told}"


def say(**facts: object) -> None:
    """Write a line for whoever has started this."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Log in, wait, work, wait."""
    host, port, ca, user, password, first, count = sys.argv[1:]
    context = ssl.create_default_context(cafile=None if ca == "-" else ca)
    if ca == "-":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    def begin(number: int) -> Client | str:
        try:
            service = SmartConnect(
                host=host, port=int(port), user=user, pwd=password, sslContext=context
            )
            return Client(number, service)
        except Exception as error:  # noqa: BLE001  whatever it is, it is counted
            return f"{number} begins: {type(error).__name__}: {error}"[:300]

    def work(client: Client) -> str:
        try:
            return client.work()
        except Exception as error:  # noqa: BLE001
            return f"{client.number}: {type(error).__name__}: {error}"[:300]

    with ThreadPoolExecutor(THREADS) as pool:
        begun = list(pool.map(begin, range(int(first), int(first) + int(count))))
        clients = [one for one in begun if isinstance(one, Client)]
        wrong = [one for one in begun if isinstance(one, str)]
        say(open=len(clients), wrong=wrong)
        sys.stdin.readline()
        wrong = [said for said in pool.map(work, clients) if said]
    say(worked=len(clients) - len(wrong), wrong=wrong)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
