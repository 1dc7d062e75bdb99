// Every event arrives, whatever the network and the server do, and no server is pressed.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Queue } from "../src/queue.ts";
import { ANSWER_MS_MAX, GATHER_MS, PAUSE_MS, PAUSE_MS_MAX, RETRY_SPREAD_MS, Sender } from "../src/sender.ts";
import { openStore } from "../src/store.ts";
import { accept, eventOf, offline, resultsOf, Server, status, storageOf } from "./fakes.ts";

let area: Storage;
let server: Server;
let sender: Sender;
let at = 0;

function senderOf(locks?: Pick<LockManager, "request">): Sender {
  return new Sender(queueOf(), openStore("a.", () => area), "https://example.com/", server.surroundings(locks));
}

const queueOf = (): Queue => new Queue(openStore("a.", () => area));
const add = (...ids: string[]): void => ids.forEach((id) => queueOf().add(eventOf(id), at++));
const left = (): number => queueOf().batch(new Set(), 50)?.names.length ?? 0;

/** Let time pass, and everything that it sets off. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
  area = storageOf();
  server = new Server();
  sender = senderOf();
});

test("events of a moment go together", async () => {
  add("a");
  sender.soon();
  await pass(GATHER_MS - 1);
  add("b");
  sender.soon();
  assert.deepEqual(server.requests, []);
  await pass(1);
  assert.deepEqual(server.requests, [["a", "b"]]);
  assert.equal(left(), 0);
});

test("many events go in portions", async () => {
  add(...Array.from({ length: 120 }, (_, number) => `e${number}`));
  sender.soon();
  await pass(GATHER_MS);
  assert.deepEqual(server.requests.map((ids) => ids.length), [50, 50, 20]);
});

test("without a network events wait, with growing pauses up to the longest", async () => {
  server.answers = [offline];
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  assert.equal(server.requests.length, 1);
  for (let pauseMs = PAUSE_MS; pauseMs <= PAUSE_MS_MAX; pauseMs *= 2) {
    const before: number = server.requests.length;
    await pass(pauseMs - 1);
    assert.equal(server.requests.length, before);
    await pass(1);
    assert.equal(server.requests.length, before + 1);
  }
  const before = server.requests.length;
  await pass(PAUSE_MS_MAX);
  assert.equal(server.requests.length, before + 1);
  server.answers = [accept];
  await pass(PAUSE_MS_MAX);
  assert.equal(left(), 0);
});

test("each request says when it is sent by the browser's clock", async () => {
  server.answers = [offline, accept];
  const begun = Date.now();
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  await pass(PAUSE_MS);
  const sent = [begun + GATHER_MS, begun + GATHER_MS + PAUSE_MS].map((ms) => new Date(ms).toISOString());
  assert.deepEqual(server.sentTimes, sent);
});

test("a new event does not cut a pause short, the network's return does", async () => {
  server.answers = [offline, accept];
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  add("b");
  sender.soon();
  await pass(GATHER_MS);
  assert.equal(server.requests.length, 1);
  sender.online();
  await pass(GATHER_MS);
  assert.deepEqual(server.requests, [["a"], ["a", "b"]]);
});

test("Retry-After counts, for the pages to come too, and whatever else happens", async () => {
  server.answers = [status(429, { "retry-after": "30" }), accept];
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  const next = senderOf();
  for (const one of [sender, next]) {
    one.soon();
    one.online();
    one.leave();
  }
  sender.stop();
  await pass(30_000);
  assert.equal(server.requests.length, 1);
  assert.deepEqual(server.beacons, []);
  await pass(RETRY_SPREAD_MS);
  assert.deepEqual(server.requests.slice(1), [["a"]]);
  assert.equal(left(), 0);
});

test("a Retry-After of ages is an hour", async () => {
  server.answers = [status(503, { "retry-after": "99999999" }), accept];
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  await pass(3_600_000 + RETRY_SPREAD_MS);
  assert.equal(left(), 0);
});

for (const code of [408, 429, 500, 502, 503]) {
  test(`after status ${code} it is sent again`, async () => {
    server.answers = [status(code), accept];
    add("a");
    sender.soon();
    await pass(GATHER_MS);
    assert.equal(left(), 1);
    await pass(PAUSE_MS);
    assert.equal(left(), 0);
  });
}

for (const code of [400, 401, 403, 404, 413]) {
  test(`status ${code} is final`, async () => {
    server.answers = [status(code)];
    add("a");
    sender.soon();
    await pass(GATHER_MS);
    assert.equal(left(), 0);
    assert.equal(server.requests.length, 1);
    assert.match(server.reports.join(), new RegExp(String(code)));
  });
}

test("one event that cannot be read does not take its neighbours along", async () => {
  const arrived: string[] = [];
  server.answers = [
    (ids) => {
      if (ids.includes("bad")) return status(400)();
      arrived.push(...ids);
      return accept(ids);
    },
  ];
  add("a", "b", "c", "bad", "d", "e");
  sender.soon();
  await pass(GATHER_MS);
  assert.deepEqual(arrived, ["a", "b", "c", "d", "e"]);
  assert.equal(left(), 0);
});

test("each event has its own fate", async () => {
  const refused = { error: { code: 3, message: "type: too long" } };
  const full = { error: { code: 8, message: "full" } };
  server.answers = [() => resultsOf([{ receipt: {} }, refused, full]), accept];
  add("a", "b", "c");
  sender.soon();
  await pass(GATHER_MS);
  assert.equal(left(), 1);
  assert.deepEqual(server.reports, ["the server refuses an event: type: too long"]);
  await pass(PAUSE_MS);
  assert.deepEqual(server.requests, [["a", "b", "c"], ["c"]]);
});

test("an answer that is not the server's decides nothing", async () => {
  const page = "<html>Please log in to the hotel's network</html>";
  server.answers = [() => new Response(page), () => Response.json({}), accept];
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  await pass(PAUSE_MS);
  assert.equal(left(), 1);
  await pass(2 * PAUSE_MS);
  assert.equal(left(), 0);
});

test("a request without an answer is given up and sent again", async () => {
  const around = server.surroundings();
  let asked = 0;
  const silent = (_: string, { signal }: RequestInit): Promise<Response> =>
    new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
  const fetch = (url: string, init: RequestInit): Promise<Response> =>
    asked++ === 0 ? silent(url, init) : around.fetch(url, init);
  sender = new Sender(queueOf(), openStore("a.", () => area), "https://example.com/", { ...around, fetch });
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  await pass(ANSWER_MS_MAX);
  await pass(PAUSE_MS);
  assert.deepEqual(server.requests, [["a"]]);
  assert.equal(left(), 0);
});

test("when the page is left the browser gets what is not on its way, once", async () => {
  let answer: (response: Response) => void = () => undefined;
  server.answers = [() => new Promise<Response>((resolve) => (answer = resolve))];
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  add("b");
  sender.leave();
  sender.leave();
  assert.deepEqual(server.beacons, [["b"]]);
  assert.equal(left(), 2);
  server.answers = [accept];
  answer(accept(["a"]));
  await pass(GATHER_MS);
  assert.equal(left(), 0);
});

test("what the browser does not take waits for the next page", () => {
  server.beaconsMax = 1;
  add(...Array.from({ length: 120 }, (_, number) => `e${number}`));
  sender.leave();
  assert.deepEqual(server.beacons.map((ids) => ids.length), [50]);
  sender.leave();
  server.beaconsMax = 2;
  sender.leave();
  assert.equal(new Set(server.beacons.flat()).size, 100);
});

test("one tab sends at a time", async () => {
  let held = false;
  const request = (async (_: string, __: LockOptions, use: (lock: Lock | null) => unknown) => {
    if (held) return use(null);
    held = true;
    try {
      return await use({ name: "", mode: "exclusive" });
    } finally {
      held = false;
    }
  }) as LockManager["request"];
  let answer: (response: Response) => void = () => undefined;
  server.answers = [() => new Promise<Response>((resolve) => (answer = resolve)), accept];
  const [one, other] = [senderOf({ request }), senderOf({ request })];
  add("a");
  one.soon();
  other.soon();
  await pass(GATHER_MS);
  assert.deepEqual(server.requests, [["a"]]);
  answer(accept(["a"]));
  await pass(0);
  add("b");
  other.soon();
  await pass(GATHER_MS);
  assert.deepEqual(server.requests, [["a"], ["b"]]);
});

test("where locks are refused it sends without", async () => {
  const request = (() => Promise.reject(new DOMException("", "SecurityError"))) as LockManager["request"];
  sender = senderOf({ request });
  add("a");
  sender.soon();
  await pass(GATHER_MS);
  assert.equal(left(), 0);
});

test("a sender that is stopped sends nothing more and keeps nothing", async () => {
  server.answers = [status(429, { "retry-after": "30" })];
  add("a");
  sender.soon();
  mock.timers.tick(GATHER_MS);
  sender.stop();
  await pass(0);
  sender.soon();
  sender.leave();
  await pass(PAUSE_MS_MAX);
  assert.equal(server.requests.length, 1);
  assert.deepEqual(server.beacons, []);
  assert.equal(openStore("a.", () => area).get("quiet"), null);
});
