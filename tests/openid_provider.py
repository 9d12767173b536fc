"""A real OpenID provider for tests: Canaille, on this machine alone; run by the Python that it lives in.

``python tests/openid_provider.py FOLDER CLIENT SECRET PASSWORD ADDRESS…`` prints the port that it listens on.
Its database lies in the folder; people come back to the addresses alone.
"""

import socket
import sys
from datetime import UTC, datetime, timedelta

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.backends.sql.backend import Base
from joserfc.jwk import ECKey, RSAKey
from werkzeug.serving import make_server

PEOPLE = ("li.wei", "wang.fang")


def main(folder: str, client: str, secret: str, password: str, *addresses: str) -> None:
    """Listen until somebody ends it."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    keys = (ECKey.generate_key("P-256", auto_kid=True), RSAKey.generate_key(2048, auto_kid=True))
    app = create_app(
        config={
            # It names itself by its address, which has to be known before anybody asks.
            "SERVER_NAME": f"127.0.0.1:{port}",
            "PREFERRED_URL_SCHEME": "http",
            "SECRET_KEY": "nobody's",
            # Not in memory: there it takes the code of one log-in for that of another.
            "CANAILLE": {"DATABASE": "sql", "ENABLE_PASSWORD_COMPROMISSION_CHECK": False},
            "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{folder}/provider.db"},
            # By ECDSA no two tokens are alike, not even those of one second, which it would refuse to keep.
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [one.as_dict(private=True) for one in keys]},
        },
        init_backend=False,
    )
    # Its time is that of the machine: nothing that is decided here is the house's.
    issued = datetime(2026, 1, 1, tzinfo=UTC)
    with app.app_context():
        Base.metadata.create_all(Backend.instance.engine)
        for name in PEOPLE:
            Backend.instance.save(
                models.User(
                    user_name=name, family_name=name, emails=[f"{name}@example.com"], password=password
                )
            )
        house = models.Client(
            client_id=client,
            client_name="Customer Vault",
            client_secret=secret,
            client_id_issued_at=issued,
            client_secret_expires_at=issued + timedelta(days=36500),
            # What lies on this machine needs no consent beside the log-in.
            client_uri="http://127.0.0.1",
            redirect_uris=list(addresses),
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid"],
            token_endpoint_auth_method="client_secret_basic",
            id_token_signed_response_alg="ES256",
        )
        Backend.instance.save(house)
        house.audience = [house]
        Backend.instance.save(house)
    server = make_server("127.0.0.1", port, app, threaded=True, fd=listening.fileno())
    print(port, flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
