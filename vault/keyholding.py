"""Key holding: makes and opens what the secrets of a process's slots lie with, as the settings name it."""

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from vault.custody.keyring import SLOT_NAMES
from vault.custody.providers import aws_kms
from vault.custody.providers.aws_kms import AwsKms
from vault.custody.providers.host_secret import HostSecret
from vault.custody.providers.key_provider import KeyProvider
from vault.custody.providers.local import LocalSlots, create_slot_file
from vault.custody.providers.pkcs11 import Pkcs11
from vault.custody.providers.slots import Slots
from vault.custody.providers.transit import Heard, Transit
from vault.custody.recovery import Recovery
from vault.errors import Misconfigured
from vault.services import fetching
from vault.services.safekeeping import RECOVERY_LACKS
from vault.setting_providers import AwsSettings, Pkcs11Settings, TransitSettings
from vault.settings import Mode, Settings

# A provider that says nothing for so long is not waited for; it is asked at the start, and rarely later.
PATIENCE_SECONDS = 5.0


def create(settings: Settings) -> None:
    """Make the slot files and the host secret that are not there; keys at providers are their owners'."""
    for name in SLOT_NAMES:
        path = settings.slots.get(name)
        if path is not None and not path.exists() and name not in settings.providers.served:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            create_slot_file(path)
    host = settings.host_secret
    if host is not None and not host.exists():
        host.parent.mkdir(mode=0o700, exist_ok=True)
        HostSecret(host).add()


def recovery_of(settings: Settings) -> Recovery | None:
    """Give what the recovery shares of this house are for; None where nothing of it is local."""
    if settings.recovery_dir is None or not settings.slots:
        return None
    return Recovery(settings.recovery_dir, settings.slots, host=settings.host_secret)


def restore(settings: Settings, shares: Sequence[str]) -> list[str]:
    """Write the slot files that are not there, by *shares*; no store is opened, since none could be."""
    recovery = recovery_of(settings)
    return recovery.restore(shares) if recovery is not None else []


def check_rehearsed(settings: Settings) -> None:
    """Raise Misconfigured where a production house could not be recovered from the loss of its slots."""
    recovery = recovery_of(settings)
    code = recovery.lacking() if recovery is not None else None
    if code is not None and settings.mode is Mode.PRODUCTION:
        raise Misconfigured([RECOVERY_LACKS[code]])


def open_slots(settings: Settings, paths: Mapping[str, Path]) -> Slots:
    """Open the slots that are named: with providers, and as the local files *paths*.

    A slot that names a key and a file seals by the key, and still opens what was sealed by the file.
    Raises Misconfigured where a provider cannot be used as it is set up, and asks none of them anything yet.
    """
    providers = settings.providers
    found: list[KeyProvider] = []
    if providers.transit is not None:
        found.append(transit(providers.transit))
    if providers.aws is not None:
        found.append(aws(providers.aws))
    if providers.pkcs11 is not None:
        found.append(pkcs11(providers.pkcs11))
    return Slots([*found, LocalSlots.read(paths, host=_host(settings))])


def _host(settings: Settings) -> Path | None:
    """Find the file of the host secret; an older demo has none until 'vaultctl init' makes it."""
    host = settings.host_secret
    return host if host is not None and (settings.mode is Mode.PRODUCTION or host.exists()) else None


def transit(settings: TransitSettings, *, within_seconds: float = PATIENCE_SECONDS) -> Transit:
    """Give the transit engine that *settings* name."""
    trusting = None
    if settings.ca_file is not None:
        try:
            trusting = ssl.create_default_context(cafile=str(settings.ca_file))
        except (OSError, ssl.SSLError):
            raise Misconfigured(
                [f"VAULT_TRANSIT_CA_FILE: {settings.ca_file} holds no certificate; name a PEM file."]
            ) from None

    def send(method: str, address: str, body: bytes | None, headers: Mapping[str, str]) -> Heard:
        return fetching.send(
            method,
            address,
            unheard="key_provider_unavailable",
            body=body,
            headers=headers,
            trusting=trusting,
            within_seconds=within_seconds,
        )

    return Transit(settings.address, settings.token, settings.keys, send)


def aws(settings: AwsSettings, *, within_seconds: float = PATIENCE_SECONDS) -> AwsKms:
    """Give the keys of AWS KMS that *settings* name."""
    client = aws_kms.connect(
        region=settings.region,
        endpoint=settings.endpoint,
        credentials=settings.credentials,
        seconds=within_seconds,
    )
    return AwsKms(settings.keys, client=client)


def pkcs11(settings: Pkcs11Settings) -> Pkcs11:
    """Give the token that *settings* name."""
    return Pkcs11(settings.keys, module=str(settings.module), token=settings.token, pin=settings.pin)
