// What the page itself shows without being asked: that it is seen, left and seen again, that its address changes
// without a load, clicks and submitted forms. Listeners are few, sit on the window, and go away when they are told to.

import { clickOn, submitOf, type Told } from "./elements.ts";

/** Whom to tell. Listeners that are absent are not needed. */
export interface Listener {
  /** The address is, or may be, another one. `again`: the page was left and is back, as it was. */
  seen?: (again: boolean) => void;
  clicked?: (told: Told) => void;
  submitted?: (told: Told) => void;
  /** The page goes out of sight, perhaps for ever. */
  left: () => void;
  /** The page is in sight again. */
  back: () => void;
  /** The network is back. */
  online: () => void;
  /** Another tab of the site changed what is stored. */
  stored: () => void;
}

/** Listen until the function that is returned is called. */
export function listen(listener: Listener, guarded: (run: () => void) => void): () => void {
  const { seen, clicked, submitted } = listener;
  const over = new AbortController();
  const on = <E extends Event>(target: EventTarget, name: string, run: (event: E) => void): void =>
    // While capturing: before the page's own handlers can stop the event, or change what is there.
    target.addEventListener(name, (event) => guarded(() => run(event as E)), {
      capture: true,
      signal: over.signal,
    });

  if (seen) {
    for (const name of ["pushState", "replaceState"] as const) {
      followHistory(name, () => guarded(() => seen(false)), over.signal);
    }
    for (const name of ["popstate", "hashchange"]) on(window, name, () => seen(false));
    on<PageTransitionEvent>(window, "pageshow", (event) => event.persisted && seen(true));
    // A page that is loaded in advance is seen when it is shown, if ever.
    const first = (): void => seen(true);
    if ("prerendering" in document && document.prerendering) on(document, "prerenderingchange", first);
    else guarded(first);
  }
  if (clicked) {
    on(window, "click", (event) => {
      // The path looks into open shadow trees, where the target is only their host.
      const told = clickOn(event.composedPath()[0]);
      if (told) clicked(told);
    });
  }
  if (submitted) {
    on(window, "submit", (event) => {
      const told = submitOf(event.target);
      if (told) submitted(told);
    });
  }
  on(window, "pagehide", listener.left);
  on(document, "visibilitychange", () => (document.hidden ? listener.left() : listener.back()));
  on(window, "online", listener.online);
  on(window, "storage", listener.stored);
  return () => over.abort();
}

function followHistory(name: "pushState" | "replaceState", changed: () => void, over: AbortSignal): void {
  const original = history[name];
  const followed: History["pushState"] = function (this: History, ...state) {
    original.apply(this, state);
    if (!over.aborted) changed();
  };
  history[name] = followed;
  over.addEventListener("abort", () => {
    // Others may have put theirs on top, which must go on working.
    if (history[name] === followed) history[name] = original;
  });
}
