"""One of the publishers in the storm, a process of its own: it posts leads, and repeats each question until it is
answered.

`python -m tests.weather.publisher PLAN`, where PLAN is JSON of `Plan`; what it was told is written to the plan's file.
"""

import asyncio
import random
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct, field

from tests.weather.market import OFFERS, PREPAID, PRICES, SOURCE

Json = dict[str, Any]
ANSWER_SECONDS_MAX = 5.0
"""Of one try; what is lost on the way is asked again."""
TRIES_PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
"""After the last lead is due: a question that is not answered by then is told as such."""
TWICE_SHARE, AGAIN_SHARE = 0.1, 0.05
"""Of leads: asked twice at once; asked again after the answer."""
LEADS_PER_TOP_UP = 20
TOP_UP_SALES = (0, 8)
"""A top-up pays for so many sales: too few for all leads, so that the balance runs out again and again."""


class Plan(Struct):
    port: int
    admin_token: str
    seed: int
    index: int
    """Of this publisher."""
    leads: int
    seconds: float
    """In which they fall due, evenly."""
    at_once: int
    file: str


class Sale(Struct, frozen=True):
    """As it was answered."""

    request_id: str
    sale_id: str
    buyer_id: int
    payout_micros: int


class Journal(Struct):
    """`sales` has each answer that said so, repeats too. `declined`: leads that nobody took, by their last status.
    `lost`: tries without an answer. `top_ups`: key to micros."""

    sales: list[Sale] = field(default_factory=list)
    posted: int = 0
    declined: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    top_ups: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class Unanswered(Exception):
    """No patience is left."""


class Publisher:
    def __init__(self, plan: Plan, http: aiohttp.ClientSession) -> None:
        self.journal = Journal()
        self._plan, self._http = plan, http
        self._begin = time.monotonic()
        self._leads = iter(range(plan.leads))

    async def run(self) -> Journal:
        await asyncio.gather(*(self._post_leads() for _ in range(self._plan.at_once)))
        return self.journal

    async def _post_leads(self) -> None:
        plan = self._plan
        for number in self._leads:
            due = self._begin + number * plan.seconds / plan.leads
            await asyncio.sleep(due - time.monotonic())
            if time.monotonic() > self._begin + plan.seconds:
                return  # the service was away for long: what is still due then is not posted
            try:
                await self._lead(number)
            except Unanswered as fault:
                self.journal.faults.append(str(fault))
                return

    async def _lead(self, number: int) -> None:
        plan = self._plan
        chance = random.Random(f"{plan.seed}:{plan.index}:{number}")
        if number % LEADS_PER_TOP_UP == 0:
            await self._top_up(f"{plan.index}-{number}", chance)
        self.journal.posted += 1
        request_id, offer = f"{plan.index}-{number}", chance.choice(OFFERS)
        caller = 2_120_000_000 + plan.index * 10_000_000 + number
        lead: Json = {"request_id": request_id, "caller_id": f"+1{caller}", "traffic_source_id": SOURCE}
        verb = chance.choice(("ping", "ping", "post", "full"))
        questions, status = await self._pinged(offer, lead, chance) if verb == "ping" else ([lead], "")
        for question in questions:
            answers = await self._asked(f"{'post' if verb == 'ping' else verb}/{offer}", question, chance)
            if sold := [said for said in answers if said.get("success")]:
                self.journal.sales += [_sale_of(request_id, said) for said in sold]
                return
            status = answers[-1].get("status", "fault")
        self.journal.declined[status] = self.journal.declined.get(status, 0) + 1

    async def _pinged(self, offer: str, lead: Json, chance: random.Random) -> tuple[list[Json], str]:
        """The posts to try in turn: the dearest buyer's, or at once whoever takes it; and the ping's status."""
        said = await self._answered(f"ping/{offer}", lead)
        if not said.get("success"):
            return [], f"ping: {said.get('status', 'fault')}"
        everybody: Json = {"ping_id": said["try_all_buyers_ping_id"]}
        dearest: Json = {"ping_id": said["buyers"][0]["ping_id"]}
        return [everybody] if chance.random() < 0.5 else [dearest, everybody], ""

    async def _asked(self, path: str, question: Json, chance: random.Random) -> list[Json]:
        """Asks once, twice at once, or again after the answer: all answers."""
        at_once = 2 if chance.random() < TWICE_SHARE else 1
        answers = await asyncio.gather(*(self._answered(path, question) for _ in range(at_once)))
        if chance.random() < AGAIN_SHARE:
            answers.append(await self._answered(path, question))
        return answers

    async def _top_up(self, key: str, chance: random.Random) -> None:
        micros = chance.randint(*TOP_UP_SALES) * PRICES[PREPAID] + chance.randint(0, 999_999)
        asked = {"amount": f"{micros // 1_000_000}.{micros % 1_000_000:06}", "key": key, "reason": "wire"}
        token = {"Authorization": f"Bearer {self._plan.admin_token}"}
        copies = 2 if chance.random() < TWICE_SHARE else 1
        path = f"/admin/buyers/{PREPAID}/balance"
        await asyncio.gather(*(self._told(path, asked, token) for _ in range(copies)))
        self.journal.top_ups[key] = micros

    async def _answered(self, path: str, asked: Json) -> Json:
        return await self._told(f"/api/v1/inbound_webhooks/{path}", asked, {})

    async def _told(self, path: str, asked: Json, headers: dict[str, str]) -> Json:
        """The answer, asked for until there is one."""
        until = self._begin + self._plan.seconds + PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                async with self._http.post(path, json=asked, headers=headers) as answer:
                    if answer.status == 200:
                        told: Json = msgspec.json.decode(await answer.read())
                        return told
                    if answer.status != 503:
                        self.journal.faults.append(f"{path} was answered {answer.status}: {await answer.text()}")
                        return {}
            except (aiohttp.ClientError, TimeoutError):
                pass
            self.journal.lost += 1
            await asyncio.sleep(TRIES_PAUSE_SECONDS)
        raise Unanswered(f"{path} was never answered: {asked}")


def _sale_of(request_id: str, said: Json) -> Sale:
    told = said["sales"][0] if "sales" in said else said
    return Sale(request_id, told["sale_id"], told["buyer_id"], round(told["bid"] * 1_000_000))


async def publish(plan: Plan) -> Journal:
    limit = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{plan.port}", timeout=limit) as http:
        return await Publisher(plan, http).run()


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Plan)
    Path(given.file).write_bytes(msgspec.json.encode(asyncio.run(publish(given))))
