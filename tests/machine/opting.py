"""What the oracle says of consent: who stands where, and which records must be told."""

from __future__ import annotations

from datetime import datetime

from .people import CONSENT, Foreseen, Human, Job, canonical
from .verdicts import Verdicts


class Opting(Verdicts):
    """The section Consent of engine.md, for one channel and bare flags."""

    def _consents(self, job: Job, out: Foreseen, now: datetime) -> None:
        """Opt-outs go to every record of a person, and to everybody with the address, doubtful records included."""
        everyone = [*self.humans, *self.doubts.values()]
        addresses = {id(h): self._addresses(h) for h in everyone}
        for human in everyone:
            for seat in human.seats.values():
                if (
                    CONSENT not in self.kinds[seat.system].unmapped
                    and seat.raw.get(CONSENT)
                    and seat.base.get(CONSENT) is not True
                ):
                    self.done["opted out"] += human.out != "out"
                    human.out, human.out_at = "out", now
        news = True
        while news:
            shut = {a for h in everyone if h.out == "out" for a in addresses[id(h)]}
            heirs = [h for h in everyone if h.out != "out" and addresses[id(h)] & shut]
            for human in heirs:
                human.out, human.out_at = "out", now
                self.done["inherited"] += 1
            news = bool(heirs)
        for human in everyone:
            self._tell(job, human, out, now)

    def _addresses(self, human: Human) -> set[str]:
        shown = {canonical("email", seat.raw.get("email")) for seat in human.seats.values()}
        return {a for a in (*shown, human.agreed.get("email")) if a}

    def _tell(self, job: Job, human: Human, out: Foreseen, now: datetime) -> None:
        for seat in human.seats.values():
            if CONSENT in self.kinds[seat.system].unmapped:
                continue
            if human.out == "out" and not seat.raw.get(CONSENT) and seat.system in job.between:
                self._write(seat, CONSENT, True, out, now)
                self.done["consent passed on"] += 1
            if human.out != "out" or seat.raw.get(CONSENT):
                seat.base[CONSENT] = True if human.out == "out" else None
