// Sends events to the BullMQ peer and sees what its worker announces: first as fast as Redis takes them, then at a steady
// rate. Latencies count from the moment an event was to be sent.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";
import Redis from "ioredis";

const BATCH = 500;

const { redisPort, file, pacedFile, rate } = JSON.parse(process.argv[2]);
const connection = { host: "127.0.0.1", port: redisPort, maxRetriesPerRequest: null };
const queue = new Queue("events", { connection, defaultJobOptions: { removeOnFail: false } });
const watcher = new Redis(connection);

const read = (path) => readFileSync(path, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const jobOf = (event) => ({ name: event.type, data: event, opts: { jobId: event.event_id } });

let unseen = new Set();
let saw = () => {};
let done = () => {};
watcher.on("message", (_, text) => {
  const { event_id: id } = JSON.parse(text);
  if (!unseen.delete(id)) return;
  saw(id);
  if (unseen.size === 0) done();
});
await watcher.subscribe("scores");

async function throughput(events) {
  unseen = new Set(events.map((event) => event.event_id));
  const all = new Promise((resolve) => (done = resolve));
  const began = performance.now();
  for (let at = 0; at < events.length; at += BATCH) {
    await queue.addBulk(events.slice(at, at + BATCH).map(jobOf));
  }
  await all;
  return events.length / ((performance.now() - began) / 1000);
}

async function visible(events) {
  unseen = new Set(events.map((event) => event.event_id));
  const all = new Promise((resolve) => (done = resolve));
  const intended = new Map();
  const latencies = [];
  saw = (id) => latencies.push(performance.now() - intended.get(id));
  const begin = performance.now();
  const sending = [];
  for (const [number, event] of events.entries()) {
    const at = begin + (number * 1000) / rate;
    if (at > performance.now()) await sleep(at - performance.now());
    intended.set(event.event_id, at);
    const { name, data, opts } = jobOf(event);
    sending.push(queue.add(name, data, opts));
  }
  await Promise.all(sending);
  await all;
  return latencies;
}

const eps = await throughput(read(file));
console.log(JSON.stringify({ eps, latencies_ms: await visible(read(pacedFile)) }));
process.exit(0);
