// An event as `POST /v1/track` takes it, and the ids in it.

/** Anything JSON can say; `undefined` is left out. */
export type Properties = Record<string, unknown>;

/** One event on the wire. Once made it never changes: the same id with other content would be a conflict. */
export interface WireEvent {
  event_id: string;
  type: string;
  anonymous_id: string;
  email?: string;
  external_id?: string;
  occur_time: string;
  source: string;
  properties: Properties;
}

/** A random UUID (version 4). `crypto.randomUUID` is missing on pages without TLS; this is not. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
