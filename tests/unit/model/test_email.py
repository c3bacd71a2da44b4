"""E-mail: the fast way says what the library says, and an address that settled stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.model import ENTITIES, ValueProblem, email, normalise
from smarksync.model.email import parse_email, slow_email
from smarksync.model.roles import is_role_address

FIELD = ENTITIES["lead"].fields["email"]
local = st.text("abzAZ09_+-'.!üİK", min_size=1, max_size=12)
label = st.text("abzAZ09-ü", min_size=1, max_size=8)
address = st.builds(
    lambda local, labels, space: f"{space}{local}@{'.'.join(labels)}{space}",
    local,
    st.lists(st.one_of(label, st.sampled_from(["com", "example", "test", "xn--bcher-kva"])), min_size=1, max_size=3),
    st.sampled_from(["", " ", "\t"]),
)


#: as long as an address may be, and one character longer: local part, label, whole
LONG = [f"{'a' * a}@{'b' * b}.com" for a in (63, 64, 65) for b in (62, 63, 64)]
LONG += [f"a@{'.'.join(['b' * 49] * 5)}.{'c' * n}" for n in (2, 3, 4, 5)]


def outcome(parse, value):
    try:
        return parse(value)
    except ValueProblem as problem:
        return problem.code


@pytest.mark.parametrize("value", LONG)
def test_fast_is_slow_at_the_limits_of_length(value):
    assert outcome(parse_email, value) == outcome(slow_email, value)


@given(address)
def test_fast_is_slow(value):
    assert outcome(parse_email, value) == outcome(slow_email, value)


@given(st.one_of(address, st.text()))
def test_a_canonical_address_stays_as_it_is(value):
    result = outcome(parse_email, value)
    if result not in (None, "SMK-VALUE-TYPE"):
        assert parse_email(result) == result
        assert "@" in result


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (" Ada@ACME.com ", "ada@acme.com"),
        ("ada@Bücher.de", "ada@xn--bcher-kva.de"),
        ("Ärzte@acme.com", "ärzte@acme.com"),
        ("ada@acme.test", "ada@acme.test"),  # set aside for tests, and in records all the same
        ("O'Neil+x@Acme.Co.UK", "o'neil+x@acme.co.uk"),
        ('"A B"@acme.com', '"a b"@acme.com'),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_canonical_form(given, canonical):
    assert normalise(FIELD, given) == canonical


@pytest.mark.parametrize("wrong", ["n/a", "ada@", "@acme.com", "a@b@c.com", "ada@acme..com", "Ada <ada@acme.com>", 5])
def test_what_is_no_address_is_a_problem_that_does_not_repeat_it(wrong):
    with pytest.raises(ValueProblem) as caught:
        normalise(FIELD, wrong)
    assert caught.value.code == "SMK-VALUE-TYPE"
    assert str(wrong) not in caught.value.message


def test_domain_and_free_mail():
    assert email.domain_of("ada@mail.acme.com") == "mail.acme.com"
    assert email.domain_of(None) is None
    assert email.is_free_mail("ada@gmail.com")
    assert email.is_free_mail("ada@yahoo.co.uk")
    assert email.is_free_mail("hotmail.fr")
    assert email.is_free_mail("ada@smtp.web.de")
    assert not email.is_free_mail("ada@acme.com")
    assert not email.is_free_mail("ada@notgmail.com")
    assert not email.is_free_mail(None)


def test_role_addresses():
    for one in ("info@acme.com", "sales@acme.com", "no-reply@acme.com", "info+berlin@acme.com", "customer.care@a.de"):
        assert is_role_address(one), one
    for one in ("ada@acme.com", "informer@acme.com", "", None):
        assert not is_role_address(one), one
