// One visitor of one page: what may be recorded, under which id, and what becomes an event.

import { campaignOf, pathOf, placeOf } from "./address.ts";
import { randomId, type Properties, type WireEvent } from "./events.ts";
import { Queue } from "./queue.ts";
import { Sender } from "./sender.ts";
import { openStore, type Store } from "./store.ts";
import type { Told } from "./elements.ts";
import { listen } from "./visit.ts";

export interface Options {
  /** A key of scope `track`. It is public: it can send events and read nothing. */
  key: string;
  /** Where Scoreline is, e.g. `https://scoreline.example.com`. */
  endpoint: string;
  /** `required`: nothing is stored or sent before `consent(true)`. Otherwise until `consent(false)`. */
  consent?: "required" | undefined;
  /** Do nothing at all for visitors who ask for it by Do Not Track or Global Privacy Control. Default: true. */
  respectDoNotTrack?: boolean | undefined;
  /** Page views, of single-page applications too. Default: true. */
  pageViews?: boolean | undefined;
  /** Clicks on elements with `data-scoreline`. Default: true. */
  clicks?: boolean | undefined;
  /** Submitted forms: names of fields, no values. Default: true. */
  forms?: boolean | undefined;
  /** The events' source. Default: `web`. */
  source?: string | undefined;
  /** Say on the console what goes wrong. Default: false. */
  debug?: boolean | undefined;
}

/** Who a visitor is. At least one of the two; anything else is an attribute of the lead. */
export interface Identity {
  email?: string | undefined;
  externalId?: string | number | undefined;
  [attribute: string]: unknown;
}

const CONSENT = "consent";
const VISITOR = "visitor";

export class Client {
  #options: Options;
  #store: Store;
  #queue: Queue;
  #sender: Sender | undefined;
  #unlisten: (() => void) | undefined;
  #lastMs = 0;
  #place: string | undefined;
  #reported = new Set<string>();

  constructor(options: Options) {
    this.#options = options;
    this.#store = openStore(`scoreline.${options.key}.`, () => localStorage);
    this.#queue = new Queue(this.#store);
    if (this.#refused()) this.#store.clear();
    else if (this.#allowed()) this.#start();
  }

  track(type: string, properties: Properties = {}): void {
    if (this.#allowed()) this.#add(type, properties);
  }

  identify({ email, externalId, ...attributes }: Identity): void {
    if (!this.#allowed()) return;
    this.#add("identify", attributes, {
      ...(email && { email }),
      ...((externalId || externalId === 0) && { external_id: String(externalId) }),
    });
  }

  page(properties: Properties = {}): void {
    if (!this.#allowed()) return;
    const address = new URL(location.href);
    const place = address.host + pathOf(address);
    const referrer = this.#place ?? placeOf(document.referrer);
    this.#place = place;
    this.#add("page_view", {
      path: pathOf(address),
      host: address.host,
      ...(referrer && { referrer }),
      ...campaignOf(address),
      ...properties,
    });
  }

  consent(given: boolean): void {
    if (this.#refused()) return;
    if (given) {
      this.#store.set(CONSENT, "yes");
      this.#start();
    } else {
      this.#withdraw();
    }
  }

  /** The visitor is somebody else from now on, e.g. after a logout. */
  reset(): void {
    this.#store.remove(VISITOR);
  }

  /** Leave the page as it was: no listener, nothing on its way. */
  stop(): void {
    this.#unlisten?.();
    this.#sender?.stop();
    this.#unlisten = this.#sender = undefined;
  }

  /** Run it; what goes wrong is not the page's business. */
  guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#report(String(error));
    }
  }

  #withdraw(): void {
    this.stop();
    this.#store.clear();
    // Without a default of "no", the refusal itself is all that has to be remembered.
    if (this.#options.consent !== "required") this.#store.set(CONSENT, "no");
  }

  #start(): void {
    if (this.#sender) return;
    const { key, endpoint, pageViews, clicks, forms } = this.#options;
    const url = `${endpoint.replace(/\/+$/, "")}/v1/track?api_key=${encodeURIComponent(key)}`;
    const sender = new Sender(this.#queue, this.#store, url, {
      fetch: (to, request) => fetch(to, request),
      beacon: (to, body) => navigator.sendBeacon(to, body),
      locks: navigator.locks,
      now: Date.now,
      random: Math.random,
      report: (text) => this.#report(text),
    });
    this.#sender = sender;
    const told = ({ type, properties }: Told): void =>
      this.track(type, { path: pathOf(new URL(location.href)), ...properties });
    this.#unlisten = listen(
      {
        ...(pageViews !== false && { seen: (again) => this.#seen(again) }),
        ...(clicks !== false && { clicked: told }),
        ...(forms !== false && { submitted: told }),
        left: () => this.#allowed() && sender.leave(),
        back: () => this.#allowed() && sender.soon(),
        online: () => this.#allowed() && sender.online(),
        // What this tab added before it heard of a withdrawal in another goes too.
        stored: () => this.#allowed() || this.#withdraw(),
      },
      (run) => this.guarded(run),
    );
    // What earlier pages left.
    sender.soon();
  }

  #seen(again: boolean): void {
    // Routers replace the state of the same page all the time, and filters change the query.
    if (again || placeOf(location.href) !== this.#place) this.page();
  }

  #add(type: string, properties: Properties, references: Partial<WireEvent> = {}): void {
    if (typeof type !== "string" || Object.prototype.toString.call(properties) !== "[object Object]") {
      throw new TypeError("an event needs a type and an object of properties");
    }
    // Later than the one before, so that events of one moment keep their order.
    this.#lastMs = Math.max(Date.now(), this.#lastMs + 1);
    this.#queue.add(
      {
        event_id: randomId(),
        type,
        anonymous_id: this.#visitor(),
        ...references,
        occur_time: new Date(this.#lastMs).toISOString(),
        source: this.#options.source ?? "web",
        properties,
      },
      this.#lastMs,
    );
    // Consent may have been given in another tab.
    this.#start();
    this.#sender?.soon();
  }

  #visitor(): string {
    const known = this.#store.get(VISITOR);
    if (known) return known;
    const made = randomId();
    this.#store.set(VISITOR, made);
    return made;
  }

  /** The visitor's browser asks not to be tracked. */
  #refused(): boolean {
    const { doNotTrack, globalPrivacyControl } = navigator as Navigator & {
      doNotTrack?: string | null;
      globalPrivacyControl?: boolean;
    };
    return this.#options.respectDoNotTrack !== false && (doNotTrack === "1" || globalPrivacyControl === true);
  }

  /** Asked each time: consent may have been withdrawn in another tab. */
  #allowed(): boolean {
    if (this.#refused()) return false;
    const said = this.#store.get(CONSENT);
    return this.#options.consent === "required" ? said === "yes" : said !== "no";
  }

  #report(text: string): void {
    if (!this.#options.debug || this.#reported.has(text)) return;
    this.#reported.add(text);
    console.warn("scoreline: " + text);
  }
}
