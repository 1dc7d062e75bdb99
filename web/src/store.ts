// What is kept in the visitor's browser: named texts in localStorage, below one prefix. Where that is not to be had
// (switched off, full, a sandboxed frame) they are kept in memory, for as long as the page lives.

export interface Store {
  get(name: string): string | null;
  set(name: string, value: string): void;
  remove(name: string): void;
  /** The names that begin so, sorted. */
  names(beginning: string): string[];
  /** Forget everything. */
  clear(): void;
}

/** `area` is given as a function because the mere access to `localStorage` may throw. */
export function openStore(prefix: string, area: () => Storage): Store {
  const memory = new Map<string, string>();
  const attempt = <T>(use: (area: Storage) => T, otherwise: T): T => {
    try {
      return use(area());
    } catch {
      return otherwise;
    }
  };

  const store: Store = {
    get: (name) => memory.get(name) ?? attempt((kept) => kept.getItem(prefix + name), null),
    set(name, value) {
      memory.delete(name);
      const written = attempt((kept) => {
        kept.setItem(prefix + name, value);
        return true;
      }, false);
      if (!written) memory.set(name, value);
    },
    remove(name) {
      memory.delete(name);
      attempt((kept) => kept.removeItem(prefix + name), undefined);
    },
    names(beginning) {
      const stored = attempt((kept) => Object.keys(kept), []);
      const ours = stored.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
      return [...new Set([...ours, ...memory.keys()])].filter((name) => name.startsWith(beginning)).sort();
    },
    clear: () => store.names("").forEach(store.remove),
  };
  return store;
}
