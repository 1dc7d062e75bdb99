// Stand-ins for what a browser offers: storage, and a server that answers as told.

import type { WireEvent } from "../src/events.ts";
import type { Surroundings } from "../src/sender.ts";

/** A localStorage that holds so many characters. Entries are own properties, as a browser's are. */
export function storageOf(charactersMax = Infinity): Storage {
  const methods = {
    getItem(this: Record<string, string>, name: string): string | null {
      return Object.hasOwn(this, name) ? this[name]! : null;
    },
    setItem(this: Record<string, string>, name: string, value: string): void {
      const held = Object.entries(this).reduce((sum, [key, text]) => sum + key.length + text.length, 0);
      if (held + name.length + value.length > charactersMax) throw new DOMException("full", "QuotaExceededError");
      this[name] = value;
    },
    removeItem(this: Record<string, string>, name: string): void {
      delete this[name];
    },
  };
  return Object.create(methods) as Storage;
}

export function eventOf(id: string, properties: Record<string, unknown> = {}): WireEvent {
  return {
    event_id: id,
    type: "page_view",
    anonymous_id: "visitor",
    occur_time: "2026-03-01T09:30:00.000Z",
    source: "web",
    properties,
  };
}

export const idsIn = (events: string): string[] =>
  (JSON.parse(events) as WireEvent[]).map((event) => event.event_id);

/** What a request says: the ids of its events, and when it was sent. */
export interface Sent {
  sent_time: string;
  events: WireEvent[];
}

/** The server's answer to one event. */
export type Result = { receipt: object } | { error: { code: number; message: string } };

/** Answers requests one after the other as `answers` say; the last says it for all that follow. */
export class Server {
  requests: string[][] = [];
  sentTimes: string[] = [];
  beacons: string[][] = [];
  reports: string[] = [];
  beaconsMax = Infinity;
  answers: ((ids: string[]) => Response | Promise<Response>)[] = [accept];

  surroundings(locks?: Surroundings["locks"]): Surroundings {
    return {
      fetch: async (_url, init) => {
        const { sent_time, events } = JSON.parse(init.body as string) as Sent;
        const ids = events.map((event) => event.event_id);
        this.sentTimes.push(sent_time);
        this.requests.push(ids);
        const answer = this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!;
        return answer(ids);
      },
      beacon: (_url, body) => {
        if (this.beacons.length >= this.beaconsMax) return false;
        this.beacons.push((JSON.parse(body) as Sent).events.map((event) => event.event_id));
        return true;
      },
      locks,
      now: Date.now,
      random: () => 1,
      report: (text) => this.reports.push(text),
    };
  }
}

export const accept = (ids: string[]): Response => resultsOf(ids.map(() => ({ receipt: {} })));
export const resultsOf = (results: Result[]): Response => Response.json({ results });
export const status = (code: number, headers: Record<string, string> = {}) => (): Response =>
  new Response("{}", { status: code, headers });
export const offline = (): never => {
  throw new TypeError("Failed to fetch");
};
