/**
 * Counts what repeats. The first item of a kind opens a window; those of the same kind inside it are only counted, and at its
 * end a summary tells how many there were.
 *
 * Nothing runs where nothing repeats. What is remembered is bounded: kinds beyond are not followed.
 */
import { Clock, Duration, Effect, FiberSet } from "effect"
import type { Scope } from "effect"
import { type Json } from "./json.js"
import { stringify } from "./jsonText.js"

/** What was only counted: how many, and the times of the first and the last of them. */
export interface Summary<A> {
  /** The one that opened the window. */
  readonly kept: A
  readonly count: number
  readonly first: number
  readonly last: number
}

export interface Options<A> {
  /** How many kinds are followed at most, and their sizes together. */
  readonly capacity: { readonly kinds: number; readonly size: number }
  /** Takes a summary in, or says that it cannot at the moment: then the items go on being counted, and it comes again. */
  readonly summarise: (summary: Summary<A>, now: number) => boolean
  /** Told when it closes and summaries are not taken in. */
  readonly onLoss: (count: number) => Effect.Effect<void>
}

/** What kind an item is of. All windows of a group have the same length, `within` milliseconds. */
export interface Kind {
  readonly group: string
  readonly within: number
  readonly key: string
}

export interface Collapse<A> {
  /** Counts the item if the window of its kind is open. Otherwise it is to be kept. */
  readonly unsafeCount: (kind: Kind, now: number) => boolean
  /** Opens the window of a kind with an item that was kept. */
  readonly unsafeOpen: (kind: Kind, kept: A, size: number, now: number) => void
  /** Summarises what was counted so far. The windows stay open. */
  readonly summariseAll: Effect.Effect<void>
  /** How many items were counted so far. */
  readonly unsafeCounted: () => number
}

interface Window<A> {
  readonly kept: A
  readonly size: number
  readonly start: number
  count: number
  first: number
  last: number
}

interface Group<A> {
  readonly within: number
  /** In the order of their starts, and so of their ends. */
  readonly windows: Map<string, Window<A>>
  /** How many items are counted in these windows. */
  outstanding: number
  hasTimer: boolean
}

/** Timers do not take all numbers. */
const longestSleep = Duration.toMillis("1 day")

/** The kind of something with these details, if it is to be counted at all: `by` some of them, or by all. */
export const kindOf = (
  type: string,
  rule: { readonly within: Duration.Duration; readonly by: ReadonlyArray<string> | undefined } | undefined,
  details: Readonly<Record<string, Json>>
): Kind | undefined => {
  if (rule === undefined) return undefined
  const within = Duration.toMillis(rule.within)
  if (!Number.isFinite(within) || within < 1) return undefined
  const values = rule.by?.map((name) => (Object.hasOwn(details, name) ? details[name]! : null))
  return { group: `${within} ${type}`, within, key: stringify(values ?? details) }
}

/** When the scope closes, what was counted is summarised, and nothing is counted any more. */
export const make = <A>(options: Options<A>): Effect.Effect<Collapse<A>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const groups = new Map<string, Group<A>>()
    let kinds = 0
    let size = 0
    let counted = 0
    let outstanding = 0
    let closed = false
    const fork = yield* FiberSet.makeRuntime<never>()

    const groupOf = ({ group: name, within }: Kind): Group<A> => {
      const known = groups.get(name)
      if (known !== undefined) return known
      const group = { within, windows: new Map<string, Window<A>>(), outstanding: 0, hasTimer: false }
      groups.set(name, group)
      return group
    }

    // The clock can be set back: then the window ends at once, or it could stay open for years.
    const isOver = (group: Group<A>, { start }: Window<A>, now: number) => now < start || now >= start + group.within

    const summarise = (group: Group<A>, window: Window<A>, now: number): boolean => {
      const { count, first, kept, last } = window
      if (count === 0) return true
      if (!options.summarise({ kept, count, first, last }, now)) return false
      window.count = 0
      group.outstanding -= count
      outstanding -= count
      return true
    }

    const close = (group: Group<A>, key: string, window: Window<A>, now: number) => {
      group.windows.delete(key)
      if (summarise(group, window, now)) {
        kinds--
        size -= window.size
      } else {
        group.windows.set(key, { ...window, start: now })
      }
    }

    /** Ends the windows that are over. */
    const closeDue = (group: Group<A>, now: number) => {
      // Those that cannot be summarised go to the end of the same map.
      let left = group.windows.size
      for (const [key, window] of group.windows) {
        if (left-- === 0 || !isOver(group, window, now)) return
        close(group, key, window, now)
      }
    }

    const runTimer = (group: Group<A>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const [next] = group.windows.values()
        if (next === undefined || group.outstanding === 0) {
          group.hasTimer = false
          return Effect.void
        }
        return Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.sleep(Math.min(Math.max(next.start + group.within - now, 0), group.within, longestSleep))
        ).pipe(
          Effect.zipRight(Effect.map(Clock.currentTimeMillis, (now) => closeDue(group, now))),
          Effect.zipRight(runTimer(group))
        )
      })

    const startTimer = (group: Group<A>) => {
      if (group.hasTimer) return
      group.hasTimer = true
      fork(runTimer(group))
    }

    const count = (group: Group<A>, window: Window<A>, now: number) => {
      if (window.count++ === 0) window.first = now
      window.last = now
      group.outstanding++
      outstanding++
      counted++
      startTimer(group)
      return true
    }

    const unsafeCount: Collapse<A>["unsafeCount"] = (kind, now) => {
      const group = groups.get(kind.group)
      const window = group?.windows.get(kind.key)
      if (closed || group === undefined || window === undefined) return false
      if (!isOver(group, window, now)) return count(group, window, now)
      close(group, kind.key, window, now)
      const again = group.windows.get(kind.key)
      return again !== undefined && count(group, again, now)
    }

    const hasCapacity = () => kinds < options.capacity.kinds && size < options.capacity.size

    const unsafeOpen: Collapse<A>["unsafeOpen"] = (kind, kept, keptSize, now) => {
      if (closed || groups.get(kind.group)?.windows.has(kind.key) === true) return
      if (!hasCapacity()) {
        for (const [name, group] of groups) {
          closeDue(group, now)
          if (group.windows.size === 0) groups.delete(name)
        }
      }
      if (!hasCapacity()) return
      groupOf(kind).windows.set(kind.key, { kept, size: keptSize, start: now, count: 0, first: now, last: now })
      kinds++
      size += keptSize
    }

    const summariseAll = Effect.map(Clock.currentTimeMillis, (now) => {
      for (const group of groups.values()) {
        for (const window of group.windows.values()) summarise(group, window, now)
      }
    })

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        return Effect.zipRight(
          summariseAll,
          Effect.suspend(() => (outstanding > 0 ? options.onLoss(outstanding) : Effect.void))
        )
      })
    )

    return { unsafeCount, unsafeOpen, summariseAll, unsafeCounted: () => counted }
  })
