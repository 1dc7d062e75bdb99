// The bundle for a <script> element: puts `scoreline` on the window, starts it with the element's `data-` attributes,
// and makes up for calls that came before it was loaded.

import { scoreline, type Options, type Scoreline } from "./index.ts";

/** The name of a method and its arguments. */
type Call = [method: keyof Scoreline, ...values: unknown[]];

/** Takes calls whether this is loaded or not: what a page puts there until then is an array. */
interface Calls {
  push(...calls: Call[]): unknown;
}

declare global {
  interface Window {
    scoreline?: Call[] | (Scoreline & Calls);
  }
}

function optionsOf({ dataset, src }: HTMLScriptElement): Options | undefined {
  const { key, endpoint, consent, respectDoNotTrack, pageViews, clicks, forms, source, debug } = dataset;
  if (!key) return undefined;
  return {
    key,
    endpoint: endpoint || (src && new URL(src).origin),
    consent: consent === "required" ? consent : undefined,
    respectDoNotTrack: respectDoNotTrack !== "false",
    pageViews: pageViews !== "false",
    clicks: clicks !== "false",
    forms: forms !== "false",
    source,
    debug: debug !== undefined && debug !== "false",
  };
}

function push(...calls: Call[]): void {
  for (const call of calls) {
    try {
      const [method, ...values] = call;
      (scoreline[method] as (...values: unknown[]) => void)(...values);
    } catch (error) {
      console.warn("scoreline: no such call: " + error);
    }
  }
}

const before = window.scoreline;
// Loaded twice: once is enough.
if (!before || Array.isArray(before)) {
  const script = document.currentScript;
  const options = script instanceof HTMLScriptElement ? optionsOf(script) : undefined;
  if (options) scoreline.init(options);
  window.scoreline = Object.assign(scoreline, { push });
  if (before) push(...before);
}
