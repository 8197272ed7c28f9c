"""`dev` with faults: from its first request on, and steered by the commands inside it."""

import sys
from pathlib import Path

from tests.end_to_end.forking import Forked
from tests.end_to_end.serving import environment, run_here
from tests.until import PATIENCE

OURS = f"{sys.executable} -m sessiongate.cli.main"
CODE = (
    'curl -sS -o /dev/null -w "%{http_code} " -u "$SESSIONGATE_USER:$SESSIONGATE_PASSWORD"'
    ' -X POST "$SESSIONGATE_URL/api/session"'
)
STEERED = (
    'curl -sS -o /dev/null -w "%{http_code} " -X POST -d \'{"fault": "store.down", "times": 1}\''
    ' -H "X-Sessiongate-Dev: $SESSIONGATE_DEV_TOKEN" "$SESSIONGATE_OPERATIONS/dev/faults"'
)


def test_it_begins_with_faults_and_its_command_steers_it(tmp_path: Path) -> None:
    script = f"{CODE}; {OURS} faults clear --output json; {CODE}; {STEERED}; {CODE}; {CODE}"
    rules = ("--fault", "http.status status=503 retry_after=1", "--scenario", "half-rotten")
    arguments = ["dev", "--plain-http", *rules, "--", "sh", "-c", script]
    process = Forked(arguments, environment({"TMPDIR": str(tmp_path)}))
    code = process.wait(PATIENCE)
    with process.stdout, process.stderr:
        out, err = process.stdout.read(), process.stderr.read()
    assert (code, "".join(out.split())) == (0, '503{"removed":2}201201503201'), err
    assert "FAULTS ARE ON: http.status, session.half-rotten" in err


def test_faults_that_are_none_keep_it_from_starting() -> None:
    done = run_here(
        *("dev", "--fault", "cap.reachd", "--fault", "login.slow x", "--scenario", "cap-55"),
        *("--", "true"),
    )
    assert done.code == 2
    for said in ("did you mean cap.reached?", "'x' is not of the form", "did you mean cap-550?"):
        assert said in done.err
    assert "--fault: there is no 'cap.reachd'" in done.err


def test_a_fault_of_an_upstream_is_for_a_gateway(tmp_path: Path) -> None:
    rule = ("dev", "--fault", "upstream.down")
    done = run_here(*rule, "--", "true")
    assert done.code == 2
    assert "upstream.down is not available, since this server has no upstream" in done.err
    assert "--upstream" in done.err
    upstream = ("--upstream", "http://127.0.0.1:9", "--insecure", "--plain-http", "--", "true")
    process = Forked([*rule, *upstream], environment({"TMPDIR": str(tmp_path)}))
    code = process.wait(PATIENCE)
    with process.stdout, process.stderr:
        err = process.stderr.read()
    assert (code, "FAULTS ARE ON: upstream.down" in err) == (0, True), err
