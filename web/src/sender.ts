// Brings the queue to the server: in batches, one request at a time over all tabs where the browser has locks, again
// and again with growing pauses until there is an answer. Sending an event twice is harmless, losing one is not:
// whatever is not answered for stays in the queue, and the same id counts once.

import { BATCH_EVENTS_MAX, type Batch, type Queue } from "./queue.ts";
import type { Store } from "./store.ts";

/** How long an event waits for company. Leaving the page does not wait. */
export const GATHER_MS = 1_000;

/** A request without an answer for this long has failed. */
export const ANSWER_MS_MAX = 20_000;

/** The first pause after a failure; doubled with each further one, up to the longest. */
export const PAUSE_MS = 2_000;
export const PAUSE_MS_MAX = 300_000;

/** The server's own `Retry-After` counts up to this. Visitors come back spread over this many milliseconds more. */
export const RETRY_AFTER_MS_MAX = 3_600_000;
export const RETRY_SPREAD_MS = 5_000;

/** gRPC codes of single events that may be sent again: RESOURCE_EXHAUSTED and UNAVAILABLE. */
const RETRYABLE = new Set([8, 14]);

/** Until when the server asked for quiet, for all tabs and the pages to come. */
const QUIET_UNTIL = "quiet";

/** What a sender takes from the browser. */
export interface Surroundings {
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  beacon: (url: string, body: string) => boolean;
  locks: Pick<LockManager, "request"> | undefined;
  now: () => number;
  random: () => number;
  report: (text: string) => void;
}

interface Answer {
  results: { error?: { code?: number; message?: string } }[];
}

export class Sender {
  #queue: Queue;
  #store: Store;
  #url: string;
  #around: Surroundings;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueMs = Infinity;
  #failures = 0;
  #sending = false;
  #stopped = false;
  #eventsMax = BATCH_EVENTS_MAX;
  #request = new AbortController();
  #handedOver = new Set<string>();
  #onItsWay: readonly string[] = [];

  constructor(queue: Queue, store: Store, url: string, around: Surroundings) {
    this.#queue = queue;
    this.#store = store;
    this.#url = url;
    this.#around = around;
  }

  /** There is something to send. */
  soon(): void {
    this.#within(GATHER_MS);
  }

  /** The network is back: no need to sit out a pause. */
  online(): void {
    this.#failures = 0;
    clearTimeout(this.#timer);
    this.#dueMs = Infinity;
    this.soon();
  }

  /**
   * The page is being left, perhaps for ever: hand what is left to the browser, which sends it after the page is gone.
   * It does not say whether that worked, so the events stay in the queue, and go along with the next page's.
   */
  leave(): void {
    if (this.#stopped || this.#quietMs() > 0) return;
    for (;;) {
      const batch = this.#queue.batch(new Set([...this.#handedOver, ...this.#onItsWay]), BATCH_EVENTS_MAX);
      if (!batch || !this.#around.beacon(this.#url, this.#bodyOf(batch))) return;
      batch.names.forEach((name) => this.#handedOver.add(name));
    }
  }

  /** Send nothing more; what is on its way is called back if it still can be. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#request.abort();
  }

  #within(delayMs: number): void {
    const dueMs = this.#around.now() + delayMs;
    // While there is a pause after failures, new events do not cut it short.
    if (this.#stopped || dueMs >= this.#dueMs || (this.#failures > 0 && this.#dueMs < Infinity)) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => {
      this.#dueMs = Infinity;
      void this.#send();
    }, delayMs);
  }

  async #send(): Promise<void> {
    if (this.#sending || this.#stopped) return;
    this.#sending = true;
    const { locks } = this.#around;
    const next = locks
      ? // Refused in frames without an origin, where there is nobody to agree with.
        await locks
          .request(this.#url, { ifAvailable: true }, (lock) => (lock ? this.#drain() : GATHER_MS))
          .catch(() => this.#drain())
      : await this.#drain();
    this.#sending = false;
    if (next !== undefined) this.#within(next);
  }

  /** Send until the queue is empty: undefined; or the milliseconds after which to try again. */
  async #drain(): Promise<number | undefined> {
    for (;;) {
      const quietMs = this.#quietMs();
      const batch = this.#queue.batch(new Set(), this.#eventsMax);
      if (this.#stopped || !batch) return undefined;
      if (quietMs > 0) return quietMs;
      this.#onItsWay = batch.names;
      const settled = await this.#post(batch);
      this.#onItsWay = [];
      if (!settled) continue;
      this.#queue.remove(settled);
      if (settled.length < batch.names.length) return this.#pauseMs();
      this.#failures = 0;
      this.#eventsMax = BATCH_EVENTS_MAX;
    }
  }

  /** The names of those events whose fate is decided; undefined: to be sent in smaller portions. */
  async #post(batch: Batch): Promise<readonly string[] | undefined> {
    const timer = setTimeout(() => this.#request.abort(), ANSWER_MS_MAX);
    try {
      const response = await this.#around.fetch(this.#url, {
        method: "POST",
        body: this.#bodyOf(batch),
        headers: { "content-type": "text/plain" },
        keepalive: true,
        credentials: "omit",
        referrerPolicy: "origin",
        signal: this.#request.signal,
      });
      if (response.ok) return this.#settled(batch, (await response.json()) as Answer);
      if (response.status === 429 || response.status >= 500 || response.status === 408) {
        this.#beQuiet(Number(response.headers.get("retry-after")));
        return [];
      }
      if (response.status === 400 && batch.names.length > 1) {
        // One that cannot be read must not take its neighbours along.
        this.#eventsMax = batch.names.length >> 1;
        return undefined;
      }
      this.#around.report(`the server refuses events with status ${response.status}`);
      return batch.names;
    } catch {
      // No network, no answer in time, or one that is not the server's: nothing is decided.
      return [];
    } finally {
      clearTimeout(timer);
      if (!this.#stopped) this.#request = new AbortController();
    }
  }

  /** With the time by this browser's clock, so that the server can tell by how much it is wrong. */
  #bodyOf(batch: Batch): string {
    return `{"sent_time":"${new Date(this.#around.now()).toISOString()}","events":${batch.events}}`;
  }

  #settled(batch: Batch, answer: Answer): readonly string[] {
    return batch.names.filter((_, index) => {
      const error = answer.results[index]!.error;
      if (error && RETRYABLE.has(error.code!)) return false;
      if (error) this.#around.report(`the server refuses an event: ${error.message}`);
      return true;
    });
  }

  #beQuiet(seconds: number): void {
    if (this.#stopped || !(seconds > 0)) return;
    const askedMs = Math.min(seconds * 1_000, RETRY_AFTER_MS_MAX) + this.#around.random() * RETRY_SPREAD_MS;
    this.#store.set(QUIET_UNTIL, String(this.#around.now() + askedMs));
  }

  /** Milliseconds until the server wants to hear of us again; a clock that was set back does not make it longer. */
  #quietMs(): number {
    const leftMs = Number(this.#store.get(QUIET_UNTIL)) - this.#around.now();
    return leftMs > RETRY_AFTER_MS_MAX + RETRY_SPREAD_MS ? 0 : leftMs;
  }

  #pauseMs(): number {
    const pauseMs = Math.min(PAUSE_MS * 2 ** this.#failures++, PAUSE_MS_MAX);
    return Math.max(pauseMs * (0.5 + this.#around.random() / 2), this.#quietMs());
  }
}
