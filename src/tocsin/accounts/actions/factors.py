"""What people prove themselves with: passwords, codes of an authenticator, recovery codes, passkeys, other accounts."""

from __future__ import annotations

from tocsin.accounts import rules, store
from tocsin.accounts.model import Factors, Passkey, User
from tocsin.kernel import one_time, passwords
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import new_token
from tocsin.storage import Tx

RECOVERY_CODES = 10
RECOVERY_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is taken for another."""
RECOVERY_LENGTH = 12
"""59 bits: too many to be found by trying even without the key."""
MAX_PASSKEYS = 20
MAX_PASSKEY_NAME = 60


def factors(tx: Tx, user_id: int) -> Factors:
    """What a person proves themselves with."""
    authenticator = store.authenticator(tx, user_id)
    return Factors(
        password=store.password_hash(tx, user_id) is not None,
        code_since=None if authenticator is None else authenticator.confirmed_at,
        passkeys=tuple(store.passkeys_of(tx, user_id)),
        recovery_codes=store.count_recovery_codes(tx, user_id),
    )


def hash_password(password: str) -> str:
    """What is kept of a password; takes its time, so it is made outside of transactions. Raises Invalid."""
    return passwords.hashed(rules.checked_password(password))


def password_hash(tx: Tx, user_id: int) -> str | None:
    """What is kept of a person's password."""
    return store.password_hash(tx, user_id)


def set_password(tx: Tx, user_id: int, hash: str, *, but: int | None = None) -> int:
    """Give a person another password, which ends their sessions (all, or all `but` one) and what was mailed to them.

    Returns how many sessions ended.
    """
    store.set_password(tx, user_id, hash)
    store.end_links(tx, user_id)
    return store.end_sessions(tx, user_id, but=but)


def rename_person(tx: Tx, user_id: int, *, email: str, name: str) -> User:
    """Give a person another address and name. Raises Invalid (fields email, name) and NotFound."""
    email = rules.checked_email(email)
    first_name, last_name = rules.split_name(rules.checked_name(name))
    known = store.user_by_email(tx, email)
    if known is not None and known.id != user_id:
        raise Invalid.fields(email="has already been taken")
    store.set_person(tx, user_id, email=email, first_name=first_name, last_name=last_name)
    found = store.user(tx, user_id)
    if found is None:
        raise NotFound("user", user_id)
    return found


def rename_team(tx: Tx, team_id: int, name: str) -> None:
    """Give a team another name. Raises Invalid (field team_name)."""
    name = rules.checked_name(name, "team_name")
    known = store.team_by_name(tx, name)
    if known is not None and known.id != team_id:
        raise Invalid.fields(team_name="has already been taken")
    store.rename_team(tx, team_id, name)


# --- codes of an authenticator ----------------------------------------------------------------------------------------


def begin_authenticator(tx: Tx, user_id: int) -> str:
    """A fresh secret in base 32, which counts once a code of it is given. Raises Invalid when one counts already."""
    found = store.authenticator(tx, user_id)
    if found is not None and found.confirmed_at is not None:
        raise Invalid("Codes are set up already. Remove them first to set them up anew.")
    secret = one_time.new_secret()
    store.put_authenticator(tx, user_id, tx.vault.seal(secret))
    return secret


def pending_authenticator(tx: Tx, user_id: int) -> str | None:
    """The secret that waits for its first code, or None."""
    found = store.authenticator(tx, user_id)
    return None if found is None or found.confirmed_at is not None else tx.vault.open(found.secret)


def confirm_authenticator(tx: Tx, user_id: int, code: str) -> bool:
    """Let codes count from now on; False when this is none of them, or when nothing waits for one."""
    secret = pending_authenticator(tx, user_id)
    step = None if secret is None else one_time.matching_step(secret, code, tx.now)
    if step is None or not store.take_step(tx, user_id, step):
        return False
    store.confirm_authenticator(tx, user_id)
    return True


def takes_code(tx: Tx, user_id: int, code: str) -> bool:
    """Use up a code of the authenticator; False when it is wrong, or was used before."""
    found = store.authenticator(tx, user_id)
    if found is None or found.confirmed_at is None:
        return False
    step = one_time.matching_step(tx.vault.open(found.secret), code, tx.now)
    return step is not None and store.take_step(tx, user_id, step)


def remove_authenticator(tx: Tx, user_id: int) -> bool:
    """Let its codes count no more; False when there was none."""
    removed = store.remove_authenticator(tx, user_id)
    _tidy_recovery(tx, user_id)
    return removed


# --- recovery codes ---------------------------------------------------------------------------------------------------


def new_recovery_codes(tx: Tx, user_id: int) -> list[str]:
    """Ten fresh ones, e.g. `abcd-efgh-jkmn`, the only time they can be seen; those before count no more."""
    codes = [new_token("", RECOVERY_LENGTH, RECOVERY_LETTERS) for _ in range(RECOVERY_CODES)]
    store.put_recovery_codes(tx, user_id, [_recovery_mark(tx, user_id, code) for code in codes])
    return ["-".join(code[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4)) for code in codes]


def takes_recovery_code(tx: Tx, user_id: int, code: str) -> bool:
    """Use one up; False when there is no such one, or it was used. Blanks and dashes are read over."""
    given = "".join(letter for letter in code.lower() if letter not in " -\t")
    if len(given) != RECOVERY_LENGTH:
        return False
    return store.take_recovery_code(tx, user_id, _recovery_mark(tx, user_id, given))


def _recovery_mark(tx: Tx, user_id: int, code: str) -> str:
    """Keyed: who has the table alone cannot try codes against it."""
    return tx.vault.evidence("recovery code", f"{user_id}:{code}".encode())


def _tidy_recovery(tx: Tx, user_id: int) -> None:
    if not factors(tx, user_id).second:
        store.remove_recovery_codes(tx, user_id)


# --- passkeys ---------------------------------------------------------------------------------------------------------


def add_passkey(
    tx: Tx, user_id: int, *, credential_id: str, public_key: str, sign_count: int, transports: list[str], name: str
) -> Passkey:
    """Keep a passkey whose proof was verified. Raises Invalid when it is known, or when there are too many."""
    if store.passkey(tx, credential_id) is not None:
        raise Invalid("This passkey is known here already.")
    if len(store.passkeys_of(tx, user_id)) >= MAX_PASSKEYS:
        raise Invalid(f"There are {MAX_PASSKEYS} passkeys already. Remove one that you do not use.")
    return store.insert_passkey(
        tx, user_id=user_id, credential_id=credential_id, public_key=public_key, sign_count=sign_count,
        transports=transports, name=_passkey_name(name),
    )  # fmt: skip


def passkey(tx: Tx, credential_id: str) -> Passkey | None:
    """The passkey with that credential id (base64url), or None."""
    return store.passkey(tx, credential_id)


def passkey_used(tx: Tx, known: Passkey, sign_count: int) -> bool:
    """Note that it signed; False when it was used at the same time with the same counter."""
    return store.passkey_used(tx, known.id, was=known.sign_count, sign_count=sign_count)


def rename_passkey(tx: Tx, user_id: int, id: int, name: str) -> bool:
    """Call one of a person's passkeys by another name; False when it is none of theirs. Raises Invalid."""
    return store.rename_passkey(tx, user_id, id, _passkey_name(name))


def remove_passkey(tx: Tx, user_id: int, id: int) -> bool:
    """Let it count no more; False when it was none of theirs."""
    removed = store.remove_passkey(tx, user_id, id)
    _tidy_recovery(tx, user_id)
    return removed


def remove_second_factors(tx: Tx, user_id: int) -> bool:
    """Let a password alone be enough again: what an operator does for somebody who lost everything."""
    had = factors(tx, user_id).second
    store.remove_authenticator(tx, user_id)
    store.remove_passkeys(tx, user_id)
    store.remove_recovery_codes(tx, user_id)
    return had


def _passkey_name(name: str) -> str:
    return rules.checked_name(name or "Passkey")[:MAX_PASSKEY_NAME]


# --- accounts elsewhere -----------------------------------------------------------------------------------------------


def known_elsewhere(tx: Tx, issuer: str, subject: str) -> User | None:
    """The person whom a provider of single sign-on knows as `subject`, and that they came; None = nobody yet."""
    found = store.identity(tx, issuer, subject)
    if found is None:
        return None
    store.identity_used(tx, found.id)
    return store.user(tx, found.user_id)


def is_linked(tx: Tx, user_id: int, issuer: str) -> bool:
    """Whether that provider knows this person already, under whichever subject."""
    return any(each.issuer == issuer for each in store.identities_of(tx, user_id))


def link_elsewhere(tx: Tx, user_id: int, issuer: str, subject: str) -> None:
    """From now on, whom the provider knows as `subject` is this person."""
    store.insert_identity(tx, user_id=user_id, issuer=issuer, subject=subject)
