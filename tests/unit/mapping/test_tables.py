"""Value tables against live pick lists: nothing invented, nothing dropped, folds declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from smarksync.errors import ConfigError
from smarksync.mapping import CompiledField, CompiledMapping, FieldMapping, Pair, Place
from smarksync.model import ABSENT, ValueProblem
from smarksync.plugin import Choice, FieldInfo, FieldType

STATUS = ("new", "working", "done")
PLACE = Place("preset.yaml", 12)
SALES = {
    "new": "Open - Not Contacted",
    "working": "Working - Contacted",
    "attempted": "Working - Contacted",
    "qualified": "Closed - Converted",
    "unqualified": "Closed - Not Converted",
    "recycled": "Open - Not Contacted",
}
LIVE = tuple(Choice(value) for value in dict.fromkeys(SALES.values()))


def pairs(values: dict[str, str]) -> tuple[Pair, ...]:
    return tuple(Pair(word, vendor, (vendor,)) for word, vendor in values.items())


def test_the_first_word_of_a_folded_value_is_read(one: Callable[..., CompiledField]) -> None:
    field = one("enum", FieldType.CHOICE, words=STATUS, values={"working": "Busy", "new": "Busy", "done": ["Z", "Y"]},
                choices=["Busy", "Z", "Y"])  # fmt: skip
    assert field.inward("Busy") == "working"
    assert field.agrees("Busy", "new") and field.agrees("Busy", "working")
    assert (field.outward("done"), field.inward("Y")) == ("Z", "done")
    assert field.is_fold("Z", "Y")
    assert not field.agrees("Y", "done")  # a person chose it: compared by meaning, it is the same
    assert field.same("Y", "done")


def test_values_are_matched_to_live_ones_by_value_then_label_then_loosely(one: Callable[..., CompiledField]) -> None:
    field = one("enum", FieldType.CHOICE, words=STATUS, values={"new": "Neu", "working": "in_progress", "done": "2"},
                choices=["1=Neu", "IN_PROGRESS=In progress", "2=Fertig", "3=2"])  # fmt: skip
    assert [field.outward(word) for word in STATUS] == ["1", "IN_PROGRESS", "2"]
    assert field.inward("1") == "new"


def test_a_pick_list_of_the_canonical_words_needs_no_table(one: Callable[..., CompiledField]) -> None:
    field = one("enum", FieldType.CHOICE, words=STATUS, choices=["new", "x7=Working", "DONE"])
    assert [field.outward(word) for word in STATUS] == ["new", "x7", "DONE"]
    assert [field.inward(raw) for raw in ("new", "x7", "DONE")] == list(STATUS)


def test_unknown_values_are_quarantined_kept_or_replaced(one: Callable[..., CompiledField]) -> None:
    strict = one("enum", FieldType.CHOICE, words=STATUS, choices=["new", "working", "done", "Odd"])
    with pytest.raises(ValueProblem) as caught:
        strict.inward("Odd")
    assert caught.value.code == "SMK-PICKLIST-UNKNOWN"
    assert "(Odd)" in caught.value.message  # a value of the pick list is no secret
    free = one("enum", FieldType.TEXT, words=STATUS)
    with pytest.raises(ValueProblem) as caught:
        free.inward("anna@acme.example")
    assert "anna" not in caught.value.message
    keeping = one("enum", FieldType.TEXT, words=STATUS, unknown="keep")
    assert keeping.inward("other") is ABSENT
    assert not keeping.same("other", "new")
    assert one("enum", FieldType.TEXT, words=STATUS, unknown="default", default="new").inward("x") == "new"


def test_keep_lists_values_that_say_nothing(one: Callable[..., CompiledField]) -> None:
    field = one("enum", FieldType.CHOICE, words=STATUS, choices=["new", "working", "done", "other"], keep=("other",))
    assert field.inward("other") is ABSENT
    assert field.inward("done") == "done"


def test_an_unmapped_word_is_refused(one: Callable[..., CompiledField]) -> None:
    field = one("enum", FieldType.CHOICE, words=STATUS, values={"new": "Open"}, choices=["Open"])
    with pytest.raises(ValueProblem) as caught:
        field.outward("done")
    assert caught.value.code == "SMK-PICKLIST-UNMAPPED"
    assert not field.agrees("Open", "done")


def test_a_value_that_the_vendor_sets_is_read_and_never_written(
    whole: Callable[..., CompiledMapping],
) -> None:
    table = pairs(SALES)
    table = tuple(replace(pair, writes=None) if pair.canonical == "qualified" else pair for pair in table)
    mapping = FieldMapping("sales_status", "Status", values=table, own=False, place=PLACE)
    compiled = whole({"sales_status": mapping}, [FieldInfo("Status", FieldType.CHOICE, choices=LIVE)])
    field = compiled.fields["sales_status"]
    assert field.inward("Closed - Converted") == "qualified"
    with pytest.raises(ValueProblem):
        field.outward("qualified")
    assert field.agrees("Open - Not Contacted", "recycled")
    assert compiled.warnings == ()


def test_what_does_not_fit_is_told_with_the_line_to_write(whole: Callable[..., CompiledMapping]) -> None:
    live = (*(choice for choice in LIVE if "Working" not in choice.value), Choice("Nurturing"))
    mapping = FieldMapping("sales_status", "Status", values=pairs(SALES), own=False, place=PLACE)
    compiled = whole({"sales_status": mapping}, [FieldInfo("Status", FieldType.CHOICE, choices=live)])
    told = "\n".join(compiled.warnings)
    assert "preset.yaml:12: sales.Lead: Status has no value Working - Contacted for working" in told
    assert "sales_status: {field: Status, values: {WORD: [Nurturing]}}" in told


def test_a_users_own_value_that_does_not_exist_is_an_error(whole: Callable[..., CompiledMapping]) -> None:
    mapping = FieldMapping("sales_status", "Status", values=(Pair("new", "Opne", ("Opne",)),), place=PLACE)
    info = FieldInfo("Status", FieldType.CHOICE, choices=(Choice("Open"), Choice("Closed")))
    with pytest.raises(ConfigError, match="Status has no value Opne for new; did you mean Open") as caught:
        whole({"sales_status": mapping}, [info])
    assert (caught.value.file, caught.value.line) == ("preset.yaml", 12)


def test_a_word_that_does_not_exist_is_an_error_with_the_nearest(one: Callable[..., CompiledField]) -> None:
    with pytest.raises(ConfigError, match="workin is no word of x; did you mean working"):
        one("enum", words=STATUS, values={"workin": "Busy"})


def test_open_words_pass_and_meet_the_pick_list_loosely(one: Callable[..., CompiledField]) -> None:
    field = one("open enum", FieldType.CHOICE, choices=["COMPUTER_SOFTWARE", "BANKING=Banks"])
    assert field.inward("COMPUTER_SOFTWARE") == "COMPUTER_SOFTWARE"
    assert field.outward("Computer Software") == "COMPUTER_SOFTWARE"
    assert field.outward("Banks") == "BANKING"
    assert field.agrees("COMPUTER_SOFTWARE", "Computer Software")
    with pytest.raises(ValueProblem, match="X has no value"):
        field.outward("Mining")


def test_retired_choices_are_read_and_not_preferred(whole: Callable[..., CompiledMapping]) -> None:
    info = FieldInfo(
        "J", FieldType.CHOICE, choices=(Choice("old", "Enterprise", active=False), Choice("e", "Enterprise"))
    )
    field = whole(
        {"persona": FieldMapping("persona", "J", values=(Pair("big", "Enterprise", ("Enterprise",)),))}, [info]
    )
    assert field.fields["persona"].outward("big") == "e"


def test_sets_are_translated_item_by_item(one: Callable[..., CompiledField]) -> None:
    field = one("set(text)", FieldType.CHOICES, values={"vip": "VIP customer"}, choices=["VIP customer", "fair"])
    assert field.inward(["fair", "VIP customer"]) == ["fair", "vip"]
    assert field.outward(["fair", "vip"]) == ["VIP customer", "fair"]
    assert field.agrees("VIP customer;fair", ["fair", "vip"])


def test_a_flag_stands_for_one_word(one: Callable[..., CompiledField]) -> None:
    field = one("enum", FieldType.BOOL, words=STATUS, values={"done": True, "new": False})
    assert field.inward("true") == "done" and field.inward(False) == "new"
    assert field.outward("done") is True
    told = one("enum", FieldType.BOOL, words=STATUS, transform=("set_to:done",))
    assert told.inward(True) == "done" and told.inward(False) is None
    assert not told.write and told.agrees(True, "done") and told.agrees(False, None)


def test_a_pick_list_of_yes_and_no(one: Callable[..., CompiledField]) -> None:
    field = one("bool", FieldType.CHOICE, choices=["1=Yes", "0=No"])
    assert (field.outward(True), field.outward(False), field.inward("0")) == ("1", "0", False)
    german = one("bool", FieldType.CHOICE, choices=["J=Ja", "N=Nein"], values={"true": "Ja", "false": "Nein"})
    assert (german.outward(True), german.inward("N")) == ("J", False)
    with pytest.raises(ConfigError, match="pick list without a plain yes and no"):
        one("bool", FieldType.CHOICE, choices=["J=Ja", "N=Nein"])


def test_countries_by_code_or_name(one: Callable[..., CompiledField]) -> None:
    names = one("country", FieldType.CHOICE, choices=["Germany", "Norway"])
    assert (names.outward("NO"), names.inward("Norway"), names.agrees("Norway", "NO")) == ("Norway", "NO", True)
    odd = one("country", FieldType.CHOICE, choices=["276=Germany"])
    assert (odd.outward("DE"), odd.inward("276")) == ("276", "DE")
    with pytest.raises(ValueProblem, match="no value for the country FR"):
        names.outward("FR")
    with pytest.raises(ValueProblem) as caught:
        one("country").inward("Nowhereland")
    assert caught.value.code == "SMK-VALUE-UNKNOWN"


def test_a_word_that_means_another_there_is_not_written(one: Callable[..., CompiledField]) -> None:
    field = one("enum", FieldType.CHOICE, words=STATUS, values={"new": "done"}, choices=["done", "working"])
    assert field.inward("done") == "new"
    with pytest.raises(ValueProblem, match="X has no value for this x"):
        field.outward("done")


def test_a_set_of_words_goes_through_the_table_word_by_word(one: Callable[..., CompiledField]) -> None:
    field = one("set(enum)", FieldType.CHOICES, words=STATUS, values={"new": "Neu", "done": "Fertig"},
                choices=["Neu", "Working", "Fertig", "Odd"])  # fmt: skip
    assert field.inward(["Fertig", "Neu"]) == ["done", "new"]
    assert field.outward(["done", "working"]) == ["Fertig", "Working"]
    assert field.inward([]) == []
    with pytest.raises(ValueProblem) as caught:
        field.inward(["Neu", "Odd"])
    assert caught.value.code == "SMK-PICKLIST-UNKNOWN"
    with pytest.raises(ConfigError, match="ready is no word of x"):
        one("set(enum)", FieldType.CHOICES, words=STATUS, values={"ready": "Fertig"}, choices=["Fertig"])


def test_an_open_set_of_words_lets_others_through(one: Callable[..., CompiledField]) -> None:
    field = one("set(open enum)", FieldType.CHOICES, words=("new",), values={"new": "Neu"})
    assert field.inward(["Neu", "Odd"]) == ["Odd", "new"]
    assert field.outward(["Odd", "new"]) == ["Neu", "Odd"]
