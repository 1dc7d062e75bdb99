// Events that are not known to have arrived. Each is an entry of its own in the store, so that tabs which add and
// remove at the same time never overwrite each other. Entries stay until the server has answered for them.

import type { WireEvent } from "./events.ts";
import type { Store } from "./store.ts";

/** Most events kept; beyond it the oldest go. At a visitor's pace these are hours without a network. */
export const EVENTS_MAX = 200;

/** Most events in a request: the server's limit. */
export const BATCH_EVENTS_MAX = 50;

/** Most bytes in a request. Browsers let 64 KiB outlive a page; the server would take more. */
export const BATCH_BYTES_MAX = 60_000;

const ENTRY = "q:";

/** Events for one request. */
export interface Batch {
  names: string[];
  /** A JSON array. */
  events: string;
}

export class Queue {
  #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** `atMs` orders entries: the time of the event, which never repeats within a tab. */
  add(event: WireEvent, atMs: number): void {
    const names = this.#store.names(ENTRY);
    names.slice(0, Math.max(0, names.length - EVENTS_MAX + 1)).forEach(this.#store.remove);
    this.#store.set(ENTRY + String(atMs).padStart(15, "0") + ":" + event.event_id, JSON.stringify(event));
  }

  /** The oldest events that fit one request, without those of these names; undefined when there are none. */
  batch(without: ReadonlySet<string>, eventsMax: number): Batch | undefined {
    const names: string[] = [];
    const events: string[] = [];
    let bytes = 0;
    for (const name of this.#store.names(ENTRY)) {
      const event = without.has(name) ? null : this.#store.get(name);
      if (event === null) continue;
      const size = new TextEncoder().encode(event).length + 1;
      if (names.length === eventsMax || (names.length > 0 && bytes + size > BATCH_BYTES_MAX)) break;
      names.push(name);
      events.push(event);
      bytes += size;
    }
    return names.length > 0 ? { names, events: `[${events.join(",")}]` } : undefined;
  }

  remove(names: readonly string[]): void {
    names.forEach(this.#store.remove);
  }
}
