// The bundle for a <script> element: puts `scoreline` on the window, starts it with the element's `data-` attributes,
// and makes up for calls that came before it was loaded.

import { scoreline, type Options, type Scoreline } from "./index.ts";

/** What a page puts there until this is loaded: an array of calls, each the name of a method and its arguments. */
type Calls = [keyof Scoreline, ...unknown[]][];

declare global {
  interface Window {
    scoreline?: Scoreline | Calls;
  }
}

function optionsOf({ dataset, src }: HTMLScriptElement): Options | undefined {
  const { key, endpoint, consent, respectDoNotTrack, pageViews, clicks, forms, source, debug } = dataset;
  if (!key) return undefined;
  return {
    key,
    endpoint: endpoint || new URL(src).origin,
    consent: consent === "required" ? consent : undefined,
    respectDoNotTrack: respectDoNotTrack !== "false",
    pageViews: pageViews !== "false",
    clicks: clicks !== "false",
    forms: forms !== "false",
    source,
    debug: debug !== undefined && debug !== "false",
  };
}

const before = window.scoreline;
// Loaded twice: once is enough.
if (!before || Array.isArray(before)) {
  const script = document.currentScript;
  const options = script instanceof HTMLScriptElement ? optionsOf(script) : undefined;
  if (options) scoreline.init(options);
  window.scoreline = scoreline;
  for (const [method, ...values] of before ?? []) {
    const run = scoreline[method] as ((...values: unknown[]) => void) | undefined;
    if (typeof run === "function") run(...values);
  }
}
