"""Volume limits: messages an hour by a token bucket, recipients a day by a count.

The bucket is refilled evenly over the hour and as deep as one hour's share. The count is of a calendar day in the
institution's zone; it begins with what the database holds of the day, so a restart gives nobody a fresh day.

Every process has its own buckets and counts. With Redis the processes share one more of each: one Lua script
charges both or neither, so that two processes never use the same token. If Redis does not answer, the counts of
the others are unknown, which is no pass: `BudgetUnknown`.
"""

import logging
import time
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple, Protocol, cast

import redis.asyncio
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
SECONDS = 3600.0
DEADLINE_SECONDS = 0.5
PAUSE_SECONDS = 1.0
"""After a failure Redis is not used for so long, so that an outage does not cost each request the deadline."""
CONNECTIONS = 32


class BudgetUnknown(Exception):
    """Whether the budget holds cannot be established."""


class Load(NamedTuple):
    """Recipients of a message: how many, and how many of them are outside the mail domain."""

    recipients: int
    external: int


class Caps(NamedTuple):
    """What a permission may send; None for no limit."""

    per_hour: int | None
    """Messages; None as well where the message is charged already."""
    per_day: int | None
    external_per_day: int | None


class Charge(NamedTuple):
    """The result of charging: all zero if the message may pass."""

    wait: float = 0.0
    """Seconds until the hourly limit allows another message."""
    over: str = ""
    """"recipients" or "external": which daily count is at its limit."""
    used: Load = Load(0, 0)
    """The count of the day by all processes, including this message if it may pass."""


NOTHING = Load(0, 0)


def over_day(used: Load, more: Load, caps: Caps) -> str:
    """Which cap of the day `more` would break after `used`: "recipients", "external", or ""."""
    if caps.per_day is not None and used.recipients + more.recipients > caps.per_day:
        return "recipients"
    if more.external and caps.external_per_day is not None:
        return "external" if used.external + more.external > caps.external_per_day else ""
    return ""


class LocalDays:
    """What one process knows of the recipients of a day, by permission."""

    def __init__(self) -> None:
        self._day = date.min
        self._used: dict[int, Load] = {}

    def begin(self, day: date, used: Mapping[int, Load]) -> None:
        """Continue from the count of `day` before this process started."""
        self._day, self._used = day, dict(used)

    def used(self, grant_id: int, day: date) -> Load:
        """The count of `day`, which is never before an earlier argument."""
        if day > self._day:
            self._day, self._used = day, {}
        return self._used.get(grant_id, NOTHING)

    def add(self, grant_id: int, day: date, more: Load) -> None:
        """Count `more`; negative figures undo it."""
        held = self.used(grant_id, day)
        if day == self._day:
            self._used[grant_id] = Load(held.recipients + more.recipients, held.external + more.external)

    def learn(self, grant_id: int, day: date, used: Load) -> None:
        """Raise the count to `used`, the count of all processes."""
        held = self.used(grant_id, day)
        if day == self._day:
            self._used[grant_id] = Load(
                max(used.recipients, held.recipients), max(used.external, held.external)
            )


class LocalBuckets:
    """The buckets of one process."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[float, float]] = {}

    def take(self, grant_id: int, per_hour: int, now: float) -> float:
        """Take a token at the moment `now` (seconds, any clock): 0.0, or how many seconds to wait for one."""
        tokens, at = self._held.get(grant_id, (float(per_hour), now))
        tokens = min(float(per_hour), tokens + max(now - at, 0.0) * per_hour / SECONDS)
        if tokens < 1.0:
            self._held[grant_id] = (tokens, now)
            return (1.0 - tokens) * SECONDS / per_hour if per_hour else SECONDS
        self._held[grant_id] = (tokens - 1.0, now)
        return 0.0

    def give_back(self, grant_id: int) -> None:
        """Undo the last `take`: the message did not pass after all."""
        if grant_id in self._held:
            tokens, at = self._held[grant_id]
            self._held[grant_id] = (tokens + 1.0, at)


class Shared(Protocol):
    """Buckets and counts that several processes share."""

    async def charge(self, grant_id: int, day: date, load: Load, caps: Caps, known: Load) -> Charge:
        """Charge hour and day, or neither. `known` was counted of the day for certain. Raises BudgetUnknown."""

    async def close(self) -> None:
        """Close the connections."""


# The bucket's clock is the server's, so that the asking hosts' clocks do not matter. A limit of -1 is none.
_CHARGE = """
local size, cap, cap_external = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local more, more_external = tonumber(ARGV[4]), tonumber(ARGV[5])
local day = redis.call('HMGET', KEYS[2], 'recipients', 'external')
local used = math.max(tonumber(day[1]) or 0, tonumber(ARGV[6]))
local external = math.max(tonumber(day[2]) or 0, tonumber(ARGV[7]))
if cap >= 0 and used + more > cap then return {'recipients', '0', used, external} end
if more_external > 0 and cap_external >= 0 and external + more_external > cap_external then
    return {'external', '0', used, external}
end
if size >= 0 then
    local clock = redis.call('TIME')
    local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
    local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
    local tokens = tonumber(held[1]) or size
    local at = tonumber(held[2]) or now
    tokens = math.min(size, tokens + math.max(now - at, 0) * size / 3600)
    local wait = 0
    if tokens >= 1 then tokens = tokens - 1 else wait = size > 0 and (1 - tokens) * 3600 / size or 3600 end
    redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
    redis.call('EXPIRE', KEYS[1], 7200)
    if wait > 0 then return {'', tostring(wait), used, external} end
end
redis.call('HSET', KEYS[2], 'recipients', used + more, 'external', external + more_external)
redis.call('EXPIRE', KEYS[2], 172800)
return {'', '0', used + more, external + more_external}
"""


class RedisBuckets:
    """Buckets in Redis, one round trip each."""

    def __init__(self, url: str) -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=DEADLINE_SECONDS,
            socket_timeout=DEADLINE_SECONDS,
            socket_connect_timeout=DEADLINE_SECONDS,
        )
        self._redis = redis.asyncio.Redis(connection_pool=pool)
        self._script = self._redis.register_script(_CHARGE)
        self._not_before = 0.0

    async def charge(self, grant_id: int, day: date, load: Load, caps: Caps, known: Load) -> Charge:
        """See Shared. Raises BudgetUnknown within the deadline."""
        if time.monotonic() < self._not_before:
            raise BudgetUnknown("Redis did not answer a moment ago.")
        keys = [f"techmail:policy:{grant_id}", f"techmail:policy:{grant_id}:{day}"]
        limits = [-1 if cap is None else cap for cap in caps]
        try:
            said = await self._script(keys=keys, args=[*limits, *load, *known])
            over, wait, recipients, external = cast(tuple[bytes, bytes, int, int], tuple(said))
            return Charge(float(wait), over.decode(), Load(recipients, external))
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._not_before = time.monotonic() + PAUSE_SECONDS
            logger.warning(
                "Redis does not answer, permissions with a limit are deferred: %s", type(error).__name__
            )
            raise BudgetUnknown(str(error)) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()
