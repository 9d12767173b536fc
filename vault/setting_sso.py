"""Setting single sign-on: at which provider people may log in, and as which client the house asks it."""

from dataclasses import dataclass, field
from typing import Final

from vault import setting_forms
from vault.setting_given import Given

NEEDED: Final = ("VAULT_OIDC_ISSUER", "VAULT_OIDC_CLIENT_ID", "VAULT_OIDC_CLIENT_SECRET_FILE")


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """The OpenID provider by which people may log in, and as whom the house asks it.

    A log-in that the provider tells by one of ``strong_acr`` counts as one with a second factor.
    """

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    strong_acr: frozenset[str] = frozenset()


def single_sign_on(given: Given) -> SingleSignOn | None:
    """Find the provider that people may log in by, where one is named."""
    named = [name for name in (*NEEDED, "VAULT_OIDC_STRONG_ACR") if name in given.texts]
    missing = [name for name in NEEDED if name not in given.texts]
    if not named:
        return None
    if missing:
        given.faults += [
            f"{name} is needed beside {named[0]}; single sign-on takes all three." for name in missing
        ]
        return None
    issuer = given.parsed(
        "VAULT_OIDC_ISSUER",
        setting_forms.issuer,
        default="",
        form="an address, such as https://id.example.com; plain http only for this machine",
    )
    client_id = given.parsed(
        "VAULT_OIDC_CLIENT_ID", setting_forms.visible, default="", form="up to 255 visible ASCII characters"
    )
    strong = given.parsed(
        "VAULT_OIDC_STRONG_ACR",
        setting_forms.words,
        default=frozenset[str](),
        form="acr values with commas between them",
    )
    secret = given.private_text("VAULT_OIDC_CLIENT_SECRET_FILE")
    if not secret and not given.faults:
        given.faults.append("VAULT_OIDC_CLIENT_SECRET_FILE is empty; put the client's secret into the file.")
    return SingleSignOn(issuer, client_id, secret, strong)
