"""The peer of the queue: pgqueuer's own claim and completion, 100 jobs at a time on two connections. usage: pgqueuer_drain.py DSN JOBS"""
import asyncio
import sys
import time
import uuid
from datetime import timedelta

import asyncpg
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries

BATCH = 100


async def drain(dsn):
    connection = await asyncpg.connect(dsn)
    queries = Queries.from_asyncpg_connection(connection)
    done = 0
    manager = uuid.uuid4()
    while True:
        jobs = await queries.dequeue(
            batch_size=BATCH, entrypoints={"work": EntrypointExecutionParameter(concurrency_limit=0)}, queue_manager_id=manager,
            global_concurrency_limit=None, heartbeat_timeout=timedelta(seconds=30))
        if not jobs:
            break
        await queries.log_jobs([(job, "successful", None) for job in jobs])
        done += len(jobs)
    await connection.close()
    return done


async def main():
    dsn, count = sys.argv[1], int(sys.argv[2])
    connection = await asyncpg.connect(dsn)
    queries = Queries.from_asyncpg_connection(connection)
    if not await queries.schema_is_installed():
        await queries.install()
    for start in range(0, count, 1000):
        await queries.enqueue(["work"] * 1000, [b"{}"] * 1000, [0] * 1000)
    began = time.monotonic()
    done = sum(await asyncio.gather(drain(dsn), drain(dsn)))
    took = time.monotonic() - began
    await connection.close()
    if done != count:
        sys.exit(f"{done} of {count} jobs were done")
    print(f"jobs_per_second {done / took:.0f}")


asyncio.run(main())
