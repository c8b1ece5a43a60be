"""How much a grant may send: a token bucket per grant, refilled evenly over the hour, as deep as one hour's share.

Every process keeps buckets of its own. Where Redis is configured the processes share one more per grant: one
Lua script takes a token or says how long to wait, so two processes never pass the same token. A Redis that
does not answer leaves unknown what the others passed, and unknown is no pass: `BudgetUnknown`.
"""

import logging
import time
from typing import Protocol, cast

import redis.asyncio
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
SECONDS = 3600.0
DEADLINE_SECONDS = 0.5
PAUSE_SECONDS = 1.0
"""After a failure Redis is not asked for so long, so that an outage does not cost each ask the deadline."""
CONNECTIONS = 32


class BudgetUnknown(Exception):
    """Whether the budget holds cannot be established."""


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
    """Buckets that several processes share."""

    async def take(self, grant_id: int, per_hour: int) -> float:
        """As LocalBuckets.take. Raises BudgetUnknown."""

    async def close(self) -> None:
        """Let go of the connections."""


# The bucket's clock is the server's, so that the asking hosts' clocks do not matter.
_TAKE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local size = tonumber(ARGV[1])
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(held[1]) or size
local at = tonumber(held[2]) or now
tokens = math.min(size, tokens + math.max(now - at, 0) * size / 3600)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) * 3600 / size end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], 7200)
return tostring(wait)
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
        self._script = self._redis.register_script(_TAKE)
        self._not_before = 0.0

    async def take(self, grant_id: int, per_hour: int) -> float:
        """As LocalBuckets.take. Raises BudgetUnknown within the deadline."""
        if time.monotonic() < self._not_before:
            raise BudgetUnknown("Redis did not answer a moment ago.")
        try:
            waited = await self._script(keys=[f"techmail:policy:{grant_id}"], args=[per_hour])
            return float(cast(bytes, waited))
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._not_before = time.monotonic() + PAUSE_SECONDS
            logger.warning(
                "Redis does not answer, grants with a budget are deferred: %s", type(error).__name__
            )
            raise BudgetUnknown(str(error)) from error

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()
