// Up to the millisecond that a UUIDv7 begins with: fewer characters would be shared by all incidents of the same minute.
const shortest = 13;

/** For each id the prefix to show and to type: at least 13 characters, longer where others begin alike. */
export function shortIds(ids: readonly string[]): Map<string, string> {
  return new Map(ids.map((id) => [id, shortId(id, ids)]));
}

function shortId(id: string, all: readonly string[]): string {
  for (let length = shortest; length < id.length; length += 1) {
    const prefix = id.slice(0, length);
    if (!prefix.endsWith('-') && all.every((other) => other === id || !other.startsWith(prefix))) return prefix;
  }
  return id;
}
