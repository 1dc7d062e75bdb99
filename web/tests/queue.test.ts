// Events wait in order, bounded, and go in portions that a server takes and that outlive a page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX, EVENTS_MAX, Queue } from "../src/queue.ts";
import { openStore } from "../src/store.ts";
import { eventOf, idsIn, storageOf } from "./fakes.ts";

const NONE = new Set<string>();

function queueOf(area = storageOf()): Queue {
  return new Queue(openStore("a.", () => area));
}

function fill(queue: Queue, count: number, properties = {}): void {
  for (let at = 0; at < count; at++) queue.add(eventOf(`e${at}`, properties), at);
}

function drained(queue: Queue): string[][] {
  const batches: string[][] = [];
  for (;;) {
    const batch = queue.batch(NONE, BATCH_EVENTS_MAX);
    if (!batch) return batches;
    batches.push(idsIn(batch.events));
    queue.remove(batch.names);
  }
}

test("events come out in the order of their times", () => {
  const queue = queueOf();
  for (const at of [9, 100, 20]) queue.add(eventOf(`e${at}`), at);
  assert.deepEqual(drained(queue), [["e9", "e20", "e100"]]);
});

test("they stay until they are removed, for another page too", () => {
  const area = storageOf();
  fill(queueOf(area), 3);
  const first = queueOf(area).batch(NONE, BATCH_EVENTS_MAX);
  assert.deepEqual(queueOf(area).batch(NONE, BATCH_EVENTS_MAX), first);
  assert.deepEqual(drained(queueOf(area)), [["e0", "e1", "e2"]]);
  assert.equal(queueOf(area).batch(NONE, BATCH_EVENTS_MAX), undefined);
});

test("a portion has no more events than the server takes", () => {
  const queue = queueOf();
  fill(queue, 120);
  assert.deepEqual(drained(queue).map((batch) => batch.length), [50, 50, 20]);
});

test("a portion has no more bytes than outlive a page, counted as they are sent", () => {
  const queue = queueOf();
  fill(queue, 10, { text: "é".repeat(10_000) });
  for (;;) {
    const batch = queue.batch(NONE, BATCH_EVENTS_MAX);
    if (!batch) break;
    assert.equal(batch.names.length, 2);
    assert.ok(new TextEncoder().encode(batch.events).length <= BATCH_BYTES_MAX);
    queue.remove(batch.names);
  }
});

test("an event larger than a portion goes alone", () => {
  const queue = queueOf();
  fill(queue, 2, { text: "x".repeat(BATCH_BYTES_MAX) });
  assert.deepEqual(drained(queue), [["e0"], ["e1"]]);
});

test("beyond the limit the oldest go", () => {
  const queue = queueOf();
  fill(queue, EVENTS_MAX + 5);
  const kept = drained(queue).flat();
  assert.equal(kept.length, EVENTS_MAX);
  assert.equal(kept[0], "e5");
});

test("events that are on their way are left out", () => {
  const queue = queueOf();
  fill(queue, 3);
  const { names } = queue.batch(NONE, 2)!;
  assert.deepEqual(idsIn(queue.batch(new Set(names), BATCH_EVENTS_MAX)!.events), ["e2"]);
});
