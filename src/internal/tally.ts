/**
 * Counts by name, in bounded memory: who writes a log may choose the names in it.
 */
export interface Tally {
  readonly add: (name: string) => void
  /** The most frequent ones first; those of the same count by their name. */
  readonly entries: () => ReadonlyArray<readonly [name: string, count: number]>
  /** What was counted for names that came when there were too many already. */
  readonly others: () => number
}

/** Long enough for any name that somebody should read. */
const longestName = 200

export const make = (maxNames: number): Tally => {
  const counts = new Map<string, number>()
  let others = 0
  return {
    add: (name) => {
      const key = name.length > longestName ? `${name.slice(0, longestName)}…` : name
      const count = counts.get(key)
      if (count !== undefined || counts.size < maxNames) counts.set(key, (count ?? 0) + 1)
      else others++
    },
    entries: () => [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)),
    others: () => others
  }
}
