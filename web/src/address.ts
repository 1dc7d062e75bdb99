// What of a web address may leave the page: the host, the path and campaign parameters. Everything else in a query
// string or behind a `#` may be anything, from a search term to somebody's e-mail address, and stays.

import type { Properties } from "./events.ts";

/** Longest text of an address that is sent. */
export const TEXT_MAX = 500;

/** A part of a path or a value that holds an `@`, plain or escaped, is likely somebody's e-mail address. */
const ADDRESS_LIKE = /@|%40/i;

/** A route of a single-page application behind the `#`: `#/pricing`, `#!/pricing`. */
const HASH_ROUTE = /^#!?(\/[^?#]*)/;

/** The path, and the route behind `#` where the site keeps one there. Segments like e-mail addresses become `*`. */
export function pathOf(address: URL): string {
  const route = HASH_ROUTE.exec(address.hash);
  const path = address.pathname + (route ? "#" + route[1] : "");
  return path.replace(/[^/#]+/g, (segment) => (ADDRESS_LIKE.test(segment) ? "*" : segment)).slice(0, TEXT_MAX);
}

/** `host/path` of an address; undefined for what is none of the web's, like `mailto:`. */
export function placeOf(address: string, base?: string): string | undefined {
  let url: URL;
  try {
    url = new URL(address, base);
  } catch {
    return undefined;
  }
  return /^https?:$/.test(url.protocol) ? url.host + pathOf(url) : undefined;
}

/** The `utm_*` parameters, by name. */
export function campaignOf(address: URL): Properties {
  const found: Properties = {};
  for (const [name, value] of address.searchParams) {
    if (/^utm_\w{1,20}$/.test(name) && value && !ADDRESS_LIKE.test(value)) found[name] = value.slice(0, TEXT_MAX);
  }
  return found;
}
