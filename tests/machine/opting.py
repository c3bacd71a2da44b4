"""What the oracle says of consent: who stands where, and which records must be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .people import BASIS, CONSENT, NOW, Foreseen, Human, Job, Seat, canonical
from .verdicts import Verdicts

#: a basis that is an act of the person's own
OWN_ACTS = ("own_act", "checkbox", "double_opt_in")


class Opting(Verdicts):
    """The section Consent of engine.md, for one channel: bare flags, and acts of a person's own where a side tells them."""

    def _consents(self, job: Job, out: Foreseen, now: datetime) -> None:
        """Opt-outs go to every record of a person, and to everybody with the address, doubtful records included. An opt-in
        stays with the person, and needs an act of their own that is later than every opt-out."""
        everyone = [*self.humans, *self.doubts.values()]
        addresses = {id(h): self._addresses(h) for h in everyone}
        acts = {id(h): max((a for s in h.seats.values() if (a := self._act(s, now))), default=None) for h in everyone}
        for human in everyone:
            for seat in human.seats.values():
                if (
                    CONSENT not in self.kinds[seat.system].unmapped
                    and seat.raw.get(CONSENT)
                    and seat.base.get(CONSENT) is not True
                ):
                    self.done["opted out"] += human.out != "out"
                    human.out, human.out_at, human.basis = "out", now, None
            act = acts[id(human)]
            if act is not None and (human.out_at is None or act[0] > human.out_at):
                self.done["came back"] += human.out == "out"
                self.done["opted in"] += human.out is None
                human.out, human.out_at, human.basis = "in", act[0], act[1]
        news = True
        while news:
            news = False
            for human in everyone:
                theirs = [
                    h.out_at for h in everyone
                    if h is not human and h.out == "out" and h.out_at and addresses[id(h)] & addresses[id(human)]
                ]  # fmt: skip
                last = max(theirs, default=None)
                if last is None or (human.out_at is not None and human.out_at >= last):
                    continue  # of two who share an address one may come back without the other
                news = True
                self.done["inherited"] += human.out != "out"
                human.out, human.out_at, human.basis = "out", last, None
        for human in everyone:
            self._tell(job, human, out, now)

    def _act(self, seat: Seat, now: datetime) -> tuple[datetime, str] | None:
        """When the person acted, as the record says beside a flag that is not ticked, and on which basis."""
        at, basis = seat.raw.get("consent_at"), seat.raw.get("consent_basis")
        if not self.kinds[seat.system].acts or CONSENT in self.kinds[seat.system].unmapped or seat.raw.get(CONSENT):
            return None
        if not isinstance(at, str) or basis not in OWN_ACTS:
            return None
        said = datetime.fromisoformat(at)
        return (said, basis) if said <= now else None

    def _addresses(self, human: Human) -> set[str]:
        shown = {canonical("email", seat.raw.get("email")) for seat in human.seats.values()}
        return {a for a in (*shown, human.agreed.get("email")) if a}

    def _tell(self, job: Job, human: Human, out: Foreseen, now: datetime) -> None:
        for seat in human.seats.values():
            if CONSENT in self.kinds[seat.system].unmapped:
                continue
            owed = human.out is not None and bool(seat.raw.get(CONSENT)) != (human.out == "out")
            if owed and seat.system in job.between:
                self.done["put back"] += seat.base.get(CONSENT) is True and human.out == "out"
                self._write(seat, CONSENT, human.out == "out" or None, out, now)
                for name, value in self.evidence(human, now).items() if self.kinds[seat.system].acts else ():
                    if seat.raw.get(name) != value:
                        self._write(seat, name, value, out, now)
                self.done["consent passed on"] += 1
            if bool(seat.raw.get(CONSENT)) == (human.out == "out"):  # who has not been told yet says nothing new
                seat.base[CONSENT] = True if human.out == "out" else None

    def evidence(self, human: Human, now: datetime) -> dict[str, Any]:
        """What is told beside the flag: of an opt-out when it was heard of, of an opt-in the act itself."""
        if human.out is None or human.out_at is None:
            return {}
        if human.out == "in":
            return dict(zip(BASIS, (wire(human.out_at), human.basis), strict=True))
        return {BASIS[0]: NOW if human.out_at == now else wire(human.out_at)}


def wire(at: datetime) -> str:
    """An instant as records hold it."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
