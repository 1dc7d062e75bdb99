// The worker of the BullMQ peer: one job an event, one transaction a job, then word to whoever watches. As BullMQ's and
// node-postgres's documentation have it: a Worker with a concurrency, a Pool, parameters. An event that is sent twice
// counts once by its primary key.
import { Worker } from "bullmq";
import Redis from "ioredis";
import pg from "pg";

const CONCURRENCY = 50; // more gained nothing on two cores
const POOL_SIZE = 20;

const { redisPort, databaseUrl, points } = JSON.parse(process.argv[2]);
const connection = { host: "127.0.0.1", port: redisPort, maxRetriesPerRequest: null };
const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL_SIZE });
const announcer = new Redis(connection);

await pool.query(`
  CREATE TABLE IF NOT EXISTS bullmq_leads (lead_id text PRIMARY KEY, score integer NOT NULL);
  CREATE TABLE IF NOT EXISTS bullmq_events (
    event_id text PRIMARY KEY, lead_id text NOT NULL, type text NOT NULL, occurred_at timestamptz NOT NULL,
    page text NOT NULL, score integer);
  CREATE INDEX IF NOT EXISTS bullmq_events_by_lead ON bullmq_events (lead_id);
`);

async function score(client, event) {
  const added = await client.query(
    `INSERT INTO bullmq_events (event_id, lead_id, type, occurred_at, page) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT DO NOTHING`,
    [event.event_id, event.lead_id, event.type, new Date(event.occur_ms), event.page],
  );
  if (added.rowCount === 0) return null;
  const moved = await client.query(
    `INSERT INTO bullmq_leads (lead_id, score) VALUES ($1, greatest(0, $2))
     ON CONFLICT (lead_id) DO UPDATE SET score = greatest(0, least(1000, bullmq_leads.score + $2)) RETURNING score`,
    [event.lead_id, points[event.type]],
  );
  await client.query("UPDATE bullmq_events SET score = $2 WHERE event_id = $1", [
    event.event_id,
    moved.rows[0].score,
  ]);
  return moved.rows[0].score;
}

async function take(job) {
  const client = await pool.connect();
  let found;
  try {
    await client.query("BEGIN");
    found = await score(client, job.data);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
  if (found !== null) await announcer.publish("scores", JSON.stringify({ event_id: job.data.event_id, score: found }));
}

const worker = new Worker("events", take, { connection, concurrency: CONCURRENCY });
worker.on("failed", (job, error) => console.error(job?.id, error));
await worker.waitUntilReady();
console.log(JSON.stringify({ ready: true }));
