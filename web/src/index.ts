// What a page calls. Nothing here throws, returns anything or needs an order: calls before `init` wait for it.

import { Client, type Identity, type Options } from "./client.ts";
import type { Properties } from "./events.ts";

export type { Identity, Options, Properties };

export interface Scoreline {
  /** Begin, or begin anew with other options. */
  init(options: Options): void;
  /** Something happened, e.g. `track("download", {asset: "guide"})`. */
  track(type: string, properties?: Properties): void;
  /** This is who the visitor is; the lead of before and this one become one. */
  identify(identity: Identity): void;
  /** The visitor sees a page. Done by itself unless `pageViews` is false. */
  page(properties?: Properties): void;
  /** The visitor agrees, or withdraws: then whatever is stored and not yet sent is deleted. */
  consent(given: boolean): void;
  /** The visitor is somebody else from now on, e.g. after a logout. */
  reset(): void;
}

/** Most calls that wait for `init`; beyond it the oldest are forgotten. */
const WAITING_MAX = 100;

export function createScoreline(): Scoreline {
  let client: Client | undefined;
  let waiting: ((client: Client) => void)[] = [];

  const call = (run: (client: Client) => void): void => {
    if (client) return client.guarded(() => run(client!));
    waiting = [...waiting.slice(1 - WAITING_MAX), run];
  };

  return {
    init(options) {
      try {
        client?.stop();
        client = new Client(options);
      } catch (error) {
        console.warn("scoreline: cannot begin: " + error);
        return;
      }
      const calls = waiting;
      waiting = [];
      calls.forEach(call);
    },
    track: (type, properties) => call((to) => to.track(type, properties)),
    identify: (identity) => call((to) => to.identify(identity)),
    page: (properties) => call((to) => to.page(properties)),
    consent: (given) => call((to) => to.consent(given)),
    reset: () => call((to) => to.reset()),
  };
}

/** The page's one client. */
export const scoreline = createScoreline();
