"""People, teams and tokens: found again however they are written, and never readable from the tables."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.accounts.rules import split_name
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.storage import Database, Tx


@pytest.mark.slow
async def test_a_team_of_a_name_is_founded_once(database: Database) -> None:
    first = await database.write(accounts.ensure_team, "Core")
    again = await database.write(accounts.ensure_team, " Core ")
    assert first == again


async def test_members_come_in_the_order_in_which_they_joined(database: Database) -> None:
    def work(tx: Tx) -> list[str]:
        team = accounts.ensure_team(tx, "Core")
        for name in ("Zoe", "Ann", "Max"):
            user = accounts.create_user(tx, email=f"{name}@example.com", name=name, password=None)
            accounts.join(tx, team.id, user.id)
            accounts.join(tx, team.id, user.id)
        return [user.name for user in accounts.members(tx, team.id)]

    assert await database.write(work) == ["Zoe", "Ann", "Max"]


async def test_an_address_is_one_person_however_it_is_typed(database: Database) -> None:
    def work(tx: Tx) -> None:
        accounts.create_user(tx, email="Ann@Example.com", name="Ann Example", password=None)
        assert accounts.user_by_email(tx, " ann@example.COM") is not None
        accounts.create_user(tx, email="ANN@example.com", name="Other", password=None)

    with pytest.raises(Invalid) as error:
        await database.write(work)
    assert error.value.field_errors == {"email": ["has already been taken"]}


@pytest.mark.parametrize(
    "email",
    ["", "ann", "ann@", "@example.com", "a b@example.com", "a@b\r\nBcc: x@y", "a@b,c@d", "x" * 250 + "@e.com"],
)
async def test_an_address_that_no_mail_could_reach_is_refused(sqlite_database: Database, email: str) -> None:
    with pytest.raises(Invalid) as error:
        await sqlite_database.write(accounts.create_user, email=email, name="Ann", password=None)
    assert "email" in error.value.field_errors


@pytest.mark.slow
async def test_a_password_is_hashed_and_matches_only_itself(database: Database) -> None:
    def work(tx: Tx) -> tuple[bool, bool, bool]:
        ann = accounts.create_user(tx, email="ann@example.com", name="Ann", password="correct horse")
        bob = accounts.create_user(tx, email="bob@example.com", name="Bob", password=None)
        return (
            accounts.password_matches(tx, ann.id, "correct horse"),
            accounts.password_matches(tx, ann.id, "Correct horse"),
            accounts.password_matches(tx, bob.id, ""),
        )

    assert await database.write(work) == (True, False, False)
    stored = await database.read(lambda tx: tx.execute(text("select * from users")).all())
    assert "correct horse" not in repr(stored)
    assert "argon2id" in repr(stored)


async def test_a_short_password_is_refused(sqlite_database: Database) -> None:
    with pytest.raises(Invalid):
        await sqlite_database.write(accounts.create_user, email="a@b", name="Ann", password="short")


async def test_a_token_is_known_by_its_secret_alone_and_stored_as_a_hash(database: Database) -> None:
    def work(tx: Tx) -> str:
        return accounts.create_token(tx, team_id=accounts.ensure_team(tx, "Core").id, name="CI")

    secret = await database.write(work)
    token = await database.read(accounts.authenticate, secret)
    assert token is not None
    assert token.name == "CI"
    assert await database.read(accounts.authenticate, secret[:-1]) is None
    stored = await database.read(lambda tx: tx.execute(text("select * from api_tokens")).all())
    assert secret not in repr(stored)


async def test_a_token_shows_when_it_was_last_used_to_five_minutes(database: Database, clock: FakeClock) -> None:
    secret = await database.write(lambda tx: accounts.create_token(tx, team_id=None, name="CI"))
    token = await database.read(accounts.authenticate, secret)
    assert token is not None
    seen = []
    for minutes in (1, 3, 10):
        clock.wind(minutes=minutes)
        await database.write(accounts.touch_tokens, [token.id])
        again = await database.read(accounts.authenticate, secret)
        assert again is not None
        seen.append(again.last_used_at)
    assert seen[0] == seen[1]
    assert seen[2] == clock.now()


async def test_who_is_not_there_is_not_found(sqlite_database: Database) -> None:
    with pytest.raises(NotFound):
        await sqlite_database.read(accounts.user, 99)
    with pytest.raises(NotFound):
        await sqlite_database.read(accounts.team, 99)


def test_a_name_is_split_at_its_last_blank() -> None:
    assert split_name("Ann Mary Example") == ("Ann Mary", "Example")
    assert split_name("Ann") == ("Ann", "")
