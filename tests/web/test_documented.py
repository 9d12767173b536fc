"""docs/api.md, people.md, reviewing.md: each route with an example that runs, each code that is raised."""

import ast
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp

from tests.authenticator import Authenticator
from tests.house import House
from tests.issuer import Issuer, an_issuer
from tests.services.signed import seal
from tests.staff import Person, admins, hire, join
from vault import errors
from vault.app import create_app
from vault.cli.faults import MEANINGS
from vault.domain.grants import token_text
from vault.domain.instants import millis, rfc3339
from vault.domain.terms import id_bytes, id_text
from vault.errors import VaultError
from vault.services import policies, signals
from vault.services.locating import Located, locate
from vault.storage import casefiles, samples
from vault.storage.samples import SampleEntryRow, SampleRow
from vault.web.codes import CODES

SENT_BACK = {"CODE": "code", "STATE": "state", "ISSUER": "iss"}
PREFIXES = {"CONSENT": "con_", "FACT": "fct_", "ERASURE": "era_"}
ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
PEOPLE = (ROOT / "docs" / "people.md").read_text(encoding="utf-8")
REVIEWING = (ROOT / "docs" / "reviewing.md").read_text(encoding="utf-8")
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, VaultError)
}
# Their argument is a reason for the ledger, or a sentence for the operator: a caller sees one code.
ONE_CODE = {"Corrupt", "Misconfigured"}
# What only the notary says, to its operator, who finds it in docs/operating.md.
NOTARYS = {"vault/services/notarise.py", "vault/storage/notary_files.py"}
# What only an operator meets, who recovers keys, backs up and restores; docs/operating.md says what to do.
OPERATORS = {
    "vault/custody/archive.py",
    "vault/custody/recovery.py",
    "vault/custody/shares.py",
    "vault/services/beginning_sets.py",
    "vault/services/lowering.py",
    "vault/services/restore.py",
    "vault/services/revive.py",
    "vault/services/safekeeping.py",
    "vault/services/set_keeping.py",
    "vault/storage/places.py",
    "vault/storage/putting_in.py",
}


def literals(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(code)):
            yield code
        case ast.IfExp(body=body, orelse=other):
            yield from literals(body)
            yield from literals(other)
        case _:
            # Computed: a reason of the policy, or the code of the error that it repeats.
            pass


def raised() -> Iterator[tuple[str, str]]:
    """Every code that is named where an error is made, with its module."""
    for module in sorted((ROOT / "vault").rglob("*.py")):
        path = module.relative_to(ROOT).as_posix()
        if path in NOTARYS:
            continue
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=kind), args=[first, *_]) if kind in KINDS.keys() - ONE_CODE:
                    yield from ((code, path) for code in literals(first))
                case ast.Call(func=ast.Name(id=kind)) | ast.Raise(exc=ast.Name(id=kind)) if kind in KINDS:
                    yield KINDS[kind].code, path


def is_operators(code: str, path: str) -> bool:
    """Tell whether an operator alone meets it, on the machine of the house."""
    return path in OPERATORS or (path == "vault/cli/backup.py" and code.startswith("backup_"))


def test_every_code_that_is_raised_is_documented() -> None:
    told = {code for code, path in raised() if not is_operators(code, path)}

    assert sorted(code for code in told if f"| `{code}` |" not in GUIDE) == []


def test_every_code_that_only_an_operator_meets_says_what_to_do() -> None:
    told = {code for code, path in raised() if is_operators(code, path)} - CODES.keys()

    assert sorted(code for code in told if f"| `{code}` |" not in OPERATING) == []
    assert sorted(told - MEANINGS.keys()) == []


def test_every_code_that_a_caller_can_meet_has_a_status_of_its_own() -> None:
    met = {code for code, path in raised() if not path.startswith("vault/cli/") and path not in OPERATORS}

    assert sorted(met - CODES.keys() - {"misconfigured"}) == []


def test_every_code_is_documented_with_its_status_and_sentence() -> None:
    for code, kind in CODES.items():
        assert f"| `{code}` | {kind.status} | {kind.title} |" in GUIDE, code


def test_every_route_is_documented_by_an_example(sqlite_house: House) -> None:
    app = create_app(sqlite_house.parts, sqlite_house.settings)
    shown = {
        (method, re.sub(r"\$\w+|(?<=/roles/)\w+|(?<=/policies/)1", "<>", path.partition("?")[0]))
        for guide in (GUIDE, PEOPLE, REVIEWING)
        for method, path, _, _ in examples(guide, {})
    }

    wanted = set()
    for rule in app.url_map.iter_rules():
        (method,) = (rule.methods or set()) - {"HEAD"}
        wanted.add((method, re.sub(r"<\w+>", "<>", rule.rule)))
    assert shown == wanted


def test_the_examples_run_as_they_stand(sqlite_house: House) -> None:
    house = sqlite_house
    client = create_app(house.parts, house.settings).test_client()
    staff = {
        "INTAKE": "intake",
        "DESK": "servicedesk",
        "REGISTRY": "registry",
        "OFFICER": "officer",
        "DISPATCH": "dispatch",
    }
    customer = house.admit()
    house.state(customer, "contract")
    house.state(customer, "case")
    known = {
        "VAULT": "",
        "CUSTOMER": customer,
        "ORGANISATION": house.admit({"company_name": "示例物流有限公司"}, kind="organisation"),
        "APP": id_text("app", house.app("accounts").id),
        "CLIENT": id_text("app", house.app("intake").id),
        "CLIENT_SECRET": house.app("intake").token,
        "NOTICE": str(house.consent("P11")["notice"]),
        "FEED": "F02",
        "FORGOTTEN": house.known_to("officer", house.admit({"name": "王小明"})),
        "ETAG": etag_of(house, customer),
        **{name: house.app(app).token for name, app in staff.items()},
    }
    # The operator makes no application by himself any more once there are administrators.
    known |= {"PERSON": hire(*admins(house), "wang.fang", "service_desk", "P04").id}

    for method, path, headers, body in examples(GUIDE, known):
        asker = next((app for app in staff.values() if house.app(app).token in str(headers)), "intake")
        own = house.known_to(asker, customer)
        response = client.open(
            path.replace(customer, own), method=method, headers=headers, data=body.replace(customer, own)
        )
        assert response.status_code < 300, (method, path, response.get_json())
        recorded = (response.get_json(silent=True) or {}).get("id", "")
        known |= {name: recorded for name, prefix in PREFIXES.items() if recorded.startswith(prefix)}
        known |= {"PLAN": str((response.get_json(silent=True) or {}).get("plan", known.get("PLAN", "")))}


def test_the_examples_of_reviewers_run_as_they_stand(sqlite_house: House) -> None:
    house = sqlite_house
    customer = house.admit()
    house.state(customer, "case")
    house.disclose("servicedesk", house.known_to("servicedesk", customer), "name")
    index = len(house.entries()) - 1
    auditor = hire(*admins(house), "sun.li", "auditor")
    saved = auditor.ask("POST", "/v1/ledger/views", {"name": "mine", "query": ""}).get_json()
    known = {
        "VAULT": "",
        "AUDITOR": auditor.cookie,
        "AUDITOR_CSRF": auditor.csrf,
        "INDEX": str(index),
        "VIEW": saved["id"],
    }
    client = create_app(house.parts, house.settings).test_client(use_cookies=False)

    for method, path, headers, body in examples(REVIEWING, known):
        response = client.open(path, method=method, headers=headers, data=body)
        assert response.status_code < 300, (method, path, response.get_json())


def test_the_examples_of_people_run_as_they_stand(sqlite_house: House) -> None:
    house = sqlite_house
    with an_issuer(house.clock) as issuer:
        house.settings = replace(house.settings, single_sign_on=issuer.settings())
        run_the_examples_of_people(house, issuer)


def run_the_examples_of_people(house: House, issuer: Issuer) -> None:
    known, device, _, other = office(house)
    begun = other.ask("POST", "/v1/me/sso", {}).get_json()
    brought = issuer.log_in(begun["address"], "chen.jing at the provider")
    assert other.ask("POST", "/v1/login/sso/finish", brought).status_code == 200
    client = create_app(house.parts, house.settings).test_client(use_cookies=False)

    for method, path, headers, body in examples(PEOPLE, known):
        response = client.open(path, method=method, headers=headers, data=body)
        assert response.status_code < 300, (method, path, response.get_json())
        if "vault-sso=" in response.headers.get("Set-Cookie", "") and "address" in response.get_json():
            # The person logs in at the provider, where the administrator has another account to add.
            subject = "li.wei at the provider" if path == "/v1/me/sso" else "chen.jing at the provider"
            brought = issuer.log_in(response.get_json()["address"], subject)
            known |= {f"SSO_{name}": brought[key] for name, key in SENT_BACK.items()}
            known |= {"SSO": response.headers["Set-Cookie"].partition("=")[2].partition(";")[0]}
        begun = response.headers.get("Set-Cookie", "").partition("vault=")[2].partition(";")[0]
        if path.startswith("/v1/login/") and "/sso" not in path and begun:
            # The session has gone on under another name; a code serves once.
            known |= {"ADMIN": begun, "CSRF": response.get_json()["csrf"]}
        # What a browser answers cannot stand on a page: it is signed over the question.
        if path == "/v1/login/passkey":
            known |= {"SIGNED": json.dumps({"credential": device.sign(response.get_json())})}
        if path == "/v1/me/passkeys":
            made = Authenticator(id=bytes(32)).make(response.get_json())
            known |= {"MADE": json.dumps({"name": "laptop", "credential": made})}
        if path == "/v1/me/generators":
            secret = response.get_json()["secret"]
            known |= {"GENERATOR": secret, "GENERATOR_CODE": pyotp.TOTP(secret).at(house.clock())}


def office(house: House) -> tuple[dict[str, str], Authenticator, Person, Person]:
    """Everything that the examples of people speak of: a passkey, what waits, and the two admins."""
    customer = house.admit()
    house.state(customer, "case")
    app = house.app("accounts")
    one, other = admins(house)
    person = hire(one, other, "wang.hong", "service_desk", "P04")
    owner = hire(other, one, "zhou.tao", "service_desk", "P03")
    revealer = hire(one, other, "qian.yi", "privacy_officer", "P18")
    owned = one.ask("POST", "/v1/apps", {"name": "notices", "owner": owner.id}).get_json()
    fresh = one.ask("POST", "/v1/people", {"login": "wang.fang"}).get_json()
    again = one.ask("POST", "/v1/people", {"login": "wu.gang"}).get_json()
    vouched = one.ask("POST", "/v1/people", {"login": "tang.yu"}).get_json()
    people = [hire(one, other, name, "service_desk", "P04") for name in ("zheng.he", "feng.yu")]
    clerk_link = one.ask("POST", "/v1/people", {"login": "xu.jing"}).get_json()
    clerk = join(house, clerk_link["person"], "xu.jing", clerk_link["link"])
    house.clock.advance(timedelta(seconds=30))
    for each in (one, other, owner, revealer, *people):
        each.log_in()
    keys = [
        owner.ask("POST", f"/v1/me/apps/{owned['app']}/keys", {"certificate": digit * 64}).get_json()["id"]
        for digit in "ab"
    ]
    renamed = one.ask("PUT", "/v1/roles/analyst", {"title": "Analyst"}).get_json()
    other.approve(renamed["waits"])
    asked = [_asked(other, person.id), _asked(other, person.id), _asked(one, person.id)]
    files = policies.version_files(house.parts)
    base = one.get("/v1/policies")["items"][-1]["digest"]
    changed = {**files, "roles.toml": files["roles.toml"].replace('title = "Auditor"', 'title = "Reviewer"')}
    secret = one.get(f"/v1/apps/{id_text('app', app.id)}")["secrets"][0]["id"]
    device = Authenticator()
    made = device.make(one.ask("POST", "/v1/me/passkeys").get_json())
    one.ask("POST", "/v1/me/passkeys/confirm", {"credential": made})
    codes = one.ask("POST", "/v1/me/recovery-codes").get_json()["codes"]
    sessions = one.get("/v1/me/sessions")["items"]
    broken = _broken(owner)
    campaign, certified = _campaign(one, other, but=id_text("grt", house.grant_of("accounts")))
    case = _case(house, owner)
    officer = hire(one, other, "shen.yue", "privacy_officer", "P18")
    house.clock.advance(timedelta(seconds=30))
    seal(house)
    generator = next(key["id"] for key in one.get("/v1/me")["keys"] if key["kind"] == "totp")
    house.attended()
    known = {
        "VAULT": "",
        "LINK": fresh["link"],
        "AGAIN": again["person"],
        "SSO_LINK": vouched["link"],
        "PERSON": person.id,
        "APP": id_text("app", app.id),
        "OWNED": owned["app"],
        "OWNED_KEY": keys[0],
        "OTHER_KEY": keys[1],
        "SECRET": secret,
        "GRANT": id_text("grt", house.grant_of("accounts")),
        "WAITING": asked[0],
        "DIGEST": one.get(f"/v1/approvals/{asked[0]}")["digest"],
        "OTHER": asked[1],
        "OWN": asked[2],
        "BASE": base,
        "CANDIDATE": json.dumps({"files": changed}),
        "CHANGE": json.dumps({"files": changed, "base": base}),
        "BROKEN": broken,
        "INDEX": "0",
        "CAMPAIGN": campaign,
        "CERTIFIED": certified,
        "CERTIFIER": one.id,
        "CASE": case,
        "ASSIGNEE": officer.id,
        "DAY": "2026-11-20",
        "DUE": rfc3339(house.clock() + timedelta(days=14)),
        "CODE": one.code(),
        "RECOVERY": codes[0],
        "SESSION": next(each["id"] for each in sessions if not each["this"]),
        "KEY": generator,
        "PROMISE": owned["link"],
        "SUBJECT": id_text("sub", house.subject_of(customer)),
        "ENTRY": str(
            next(at for at, told in enumerate(house.entries()) if told["kind"] == "subject.admitted")
        ),
        **{
            name: value
            for key, whose in (
                ("ADMIN", one),
                ("CLERK", clerk),
                ("OWNER", owner),
                ("REVEALER", revealer),
                ("CALLER", person),
                ("LEAVER", people[0]),
                ("LEAVING", people[1]),
            )
            for name, value in (
                (key, whose.cookie),
                ("CSRF" if key == "ADMIN" else f"{key}_CSRF", whose.csrf),
            )
        },
    }
    return known, device, one, other


def _broken(by: Person) -> str:
    taken = by.ask("POST", "/v1/emergencies", {"role": "service_desk", "purposes": ["P05"], "reason": "test"})
    return str(taken.get_json()["grant"])


def _case(house: House, about: Person) -> str:
    """Let the rules raise what they have seen, and draw a sample; returns the case about somebody."""
    signals.catch_up(house.parts)
    row = SampleRow("2026-11-20", bytes(16), bytes(32), 9, 9, millis(house.clock()))
    with house.parts.stores.audit.write() as conn:
        samples.put(conn, row, [SampleEntryRow(row.day, 0, 1, "operator:0")])
        found = casefiles.latest(conn, [token_text(id_bytes("per", about.id) or b"")])
    return id_text("cas", next(iter(found.values())).casefile)


def _campaign(one: Person, other: Person, *, but: str) -> tuple[str, str]:
    """Open a campaign in which the first administrator is asked, also of another grant than *but*."""
    due = rfc3339(one.house.clock() + timedelta(days=14))
    opened = other.ask("POST", "/v1/campaigns", {"due": due, "certifier": one.id}).get_json()["id"]
    asked = one.get(f"/v1/campaigns/{opened}")["items"]
    return opened, next(
        each["grant"] for each in asked if each["asked"] == "the person li.wei" and each["grant"] != but
    )


def _asked(by: Person, holder: str) -> str:
    wish = {
        "holder": holder,
        "role": "service_desk",
        "purposes": ["P05"],
        "until": "2027-01-31T00:00:00Z",
        "reason": "test",
    }
    return str(by.ask("POST", "/v1/grants", wish).get_json()["waits"])


def etag_of(house: House, customer: str) -> str:
    (located,) = locate(house.parts, house.call("intake"), [customer])
    assert isinstance(located, Located)
    etag = located.identity.etag(house.call("intake").actor.space, located.row.revision)
    return f'"{etag.hex()}"'


def examples(guide: str, known: Mapping[str, str]) -> Iterator[tuple[str, str, Mapping[str, str], str]]:
    """Read each curl line of a guide: method, path, headers and body, with what is *known* put in."""
    for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            split = shlex.split(line)[1:]
            words = iter(
                [re.sub(r"\$(\w+)", lambda name: known.get(name[1], name[0]), word) for word in split]
            )
            method, path, headers, body = "", "", {}, ""
            for word in words:
                match word:
                    case "-X":
                        method = next(words)
                    case "-H":
                        name, _, value = next(words).partition(": ")
                        headers[name] = value
                    case "-d":
                        body = next(words)
                    case _:
                        path = word.removeprefix("$VAULT")
            yield method or ("POST" if body else "GET"), path, headers, body
