"""Peer: what a team writes that knows Flask and SQLAlchemy; columns encrypted, roles checked, reads logged.

It keeps none of the vault's promises but those that cost it nothing: one key for all customers, no seal, no
second look, a log that its administrator can edit. It is honest work all the same: every read is checked
against a role, a purpose and a consent, and is in the log, durably, before it is answered.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from flask import Flask, Response, abort, g, jsonify, request, stream_with_context
from sqlalchemy import ForeignKey, String, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker
from sqlalchemy_utils import StringEncryptedType
from sqlalchemy_utils.types.encrypted.encrypted_type import AesGcmEngine

from scripts.bench.records import FIELDS, INDEXED, WAYBILL, fields_of

KEY: Final = "one key for all of them"
INDEX_KEY: Final = b"another key for the columns by which customers are found"
TOKEN: Final = "peer-token"  # noqa: S105 - opens nothing but the peer
_PAGE: Final = 500
_ALLOWED: Final = {("service_desk", "P04"): frozenset(FIELDS)}
_PLAIN: Final = frozenset(
    {"company_name", "trade", "salutation", "language", "district", "lifecycle", "urgency"}
)


class Base(DeclarativeBase):
    """The tables of the peer."""


def _sealed() -> Any:
    return mapped_column(StringEncryptedType(String, KEY, AesGcmEngine), nullable=True)


class Customer(Base):
    """A customer, each column encrypted by itself."""

    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_no: Mapped[str] = _sealed()
    company_name: Mapped[str] = _sealed()
    trade: Mapped[str] = _sealed()
    salutation: Mapped[str] = _sealed()
    language: Mapped[str] = _sealed()
    district: Mapped[str] = _sealed()
    lifecycle: Mapped[str] = _sealed()
    urgency: Mapped[str] = _sealed()
    name: Mapped[str] = _sealed()
    mobile: Mapped[str] = _sealed()
    email: Mapped[str] = _sealed()
    landline: Mapped[str] = _sealed()
    address: Mapped[str] = _sealed()
    customer_no_hash: Mapped[bytes] = mapped_column(unique=True)
    mobile_hash: Mapped[bytes] = mapped_column(index=True)
    email_hash: Mapped[bytes] = mapped_column(index=True)
    landline_hash: Mapped[bytes] = mapped_column(index=True)
    consents: Mapped[list["Consent"]] = relationship(lazy="joined")


class Consent(Base):
    """What a customer agreed to."""

    __tablename__ = "consent"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    purpose: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class App(Base):
    """An app with its role and the hash of its token."""

    __tablename__ = "app"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    role: Mapped[str]


class Access(Base):
    """Who read which fields of whom, and why."""

    __tablename__ = "access"
    id: Mapped[int] = mapped_column(primary_key=True)
    app_id: Mapped[int]
    customer_id: Mapped[int]
    purpose: Mapped[str]
    fields: Mapped[str]
    at: Mapped[datetime]


def make() -> Flask:
    """Make the application of the database that PEER_URL names."""
    sessions = sessionmaker(engine(os.environ["PEER_URL"]), expire_on_commit=False)
    app = Flask(__name__)

    @app.before_request
    def identify() -> None:
        if request.path == "/":
            return
        g.session = sessions()
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        hashed = hashlib.sha256(shown.encode()).digest()
        g.caller = g.session.scalar(select(App).where(App.token_hash == hashed)) or abort(401)
        g.purpose = request.headers.get("Vault-Purpose", "")

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        if "session" in g:
            g.session.close()

    @app.get("/")
    def ready() -> str:
        return "ready"

    @app.get("/customers/<int:number>")
    def show(number: int) -> Response:
        names = _allowed(request.args["fields"].split(","))
        customer = g.session.get(Customer, number) or abort(404)
        _tell([number], names)
        return jsonify(_shown(customer, names))

    @app.post("/customers/batch")
    def show_many() -> Response:
        asked = request.get_json()
        names = _allowed(asked["fields"])
        found = g.session.scalars(select(Customer).where(Customer.id.in_(asked["ids"]))).unique().all()
        _tell([one.id for one in found], names)
        return jsonify([_shown(one, names) for one in found])

    @app.get("/feed/<int:count>")
    def feed(count: int) -> Response:
        names = _allowed(list(WAYBILL))
        return Response(stream_with_context(_pages(count, names)), content_type="application/x-ndjson")

    @app.post("/customers/bulk")
    def admit_many() -> Response:
        customers = [row(number) for number in request.get_json()["numbers"]]
        g.session.add_all(customers)
        g.session.flush()
        _tell([one.id for one in customers], ["created"])
        return jsonify(count=len(customers))

    @app.post("/customers")
    def admit() -> Response:
        customer = row(int(request.get_json()["number"]))
        g.session.add(customer)
        g.session.flush()
        _tell([customer.id], ["created"])
        return jsonify(id=customer.id)

    return app


def engine(url: str) -> Any:
    """Connect to a database, as durably as the vault does."""
    made = create_engine(url, pool_size=10)
    if made.dialect.name == "sqlite":

        @event.listens_for(made, "connect")
        def durable(connection: Any, _: Any) -> None:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
                connection.execute(f"PRAGMA {pragma}")

    return made


def row(number: int) -> Customer:
    """Make the row of a customer, with one consent."""
    fields = fields_of(number)
    hashes = {f"{name}_hash": hmac.digest(INDEX_KEY, fields[name].encode(), "sha256") for name in INDEXED}
    consent = Consent(purpose="P11", given_at=now())
    return Customer(id=number + 1, **fields, **hashes, consents=[consent])


def now() -> datetime:
    """Read the peer's clock."""
    return datetime.now(UTC)  # noqa: TID251 - the peer is no part of the house


def fill(url: str, customers: int) -> None:
    """Make the tables, one app, and *customers*."""
    made = engine(url)
    Base.metadata.create_all(made)
    with Session(made) as session:
        session.add(App(token_hash=hashlib.sha256(TOKEN.encode()).digest(), role="service_desk"))
        session.commit()
        for first in range(0, customers, 500):
            session.add_all([row(number) for number in range(first, min(first + 500, customers))])
            session.commit()
    made.dispose()


def _pages(count: int, names: list[str]) -> Iterator[str]:
    """Give the first *count* customers as lines, a page at a time, each page in the log before it is sent."""
    for first in range(0, count, _PAGE):
        wanted = range(first + 1, min(first + _PAGE, count) + 1)
        found = g.session.scalars(select(Customer).where(Customer.id.in_(wanted))).unique().all()
        _tell([one.id for one in found], names)
        yield "".join(f"{json.dumps(_shown(one, names), ensure_ascii=False)}\n" for one in found)
        # Or the session would hold all of them.
        g.session.expunge_all()


def _allowed(names: list[str]) -> list[str]:
    allowed = _ALLOWED.get((g.caller.role, g.purpose), frozenset())
    return [name for name in names if name in allowed] or abort(403)


def _tell(customers: list[int], names: list[str]) -> None:
    said = {"app_id": g.caller.id, "purpose": g.purpose, "fields": ",".join(names), "at": now()}
    g.session.add_all([Access(customer_id=one, **said) for one in customers])
    g.session.commit()


def _shown(customer: Customer, names: list[str]) -> dict[str, Any]:
    consented = any(one.purpose == "P11" and one.withdrawn_at is None for one in customer.consents)
    shown = {name: _masked(name, getattr(customer, name)) for name in names}
    return {"id": customer.id, "fields": shown, "marketing": consented}


def _masked(name: str, value: str) -> str:
    return value if name in _PLAIN else value[:3] + "*" * (len(value) - 3)
