// Single searches in a store that was filled, one after the other.
import { DateTime, Effect } from "effect"
import * as Fill from "../fill.mjs"
import { stopwatch } from "../measure.mjs"
import { explain, reading, timedPage } from "./filled.mjs"

/** Not the same ones in each round, but the same in each run. */
const spread = (count, of) => Array.from({ length: count }, (_, index) => Math.floor(((index + 0.5) * of) / count))

/** More of them take too long. */
const explained = 10

const searching =
  (queriesOf, limit = 50) =>
  (_folder, url, rows) => {
    const queries = queriesOf(Number(rows))
    return () =>
      reading(
        url,
        Effect.gen(function* () {
          const taken = stopwatch()
          const pages = yield* Effect.forEach(queries, (query) => timedPage(query, { limit }))
          const result = { count: queries.length, ...taken() }
          const plans = yield* Effect.forEach(queries.slice(0, explained), (query) => explain(query, { limit }))
          const sorted = pages.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b)
          const at = (share) => sorted[Math.floor((sorted.length - 1) * share)]
          const mean = (values) => values.reduce((sum, value) => sum + value) / values.length
          return {
            ...result,
            p50: at(0.5),
            p95: at(0.95),
            found: mean(pages.map(({ records }) => records.length)),
            blocks: mean(plans.map(({ blocks }) => blocks)),
            scans: [...new Set(plans.flatMap(({ scans }) => scans))].toSorted()
          }
        })
      )
  }

const users = spread(200, Fill.users).map((person) => ({ user: `user${person}` }))

/** As often as they do something: the busy ones come more often. */
const busy = spread(200, 1_000_000).map((share) => Math.floor(Fill.users * (share / 1_000_000) ** 3))

const hours = () =>
  spread(50, 365 * 24).map((hour) => {
    const since = DateTime.unsafeMake(Date.UTC(Fill.year, 0, 1, hour))
    return { since, until: DateTime.add(since, { hours: 1 }) }
  })

const repeated = (times, query) => () => Array.from({ length: times }, () => query)
const nouns = spread(20, 100).map((noun) => `noun${noun}`)

export const contestants = {
  user: searching(() => users),
  busy: searching(() => busy.map((person) => ({ user: `user${person}` }))),
  stranger: searching(() => spread(50, 1000).map((person) => ({ user: `stranger${person}` }))),
  userType: searching(() => busy.map((person) => ({ user: `user${person}`, types: ["auth-login-failed"] }))),
  type: searching(repeated(50, { types: [Fill.rareType.name] })),
  types: searching(repeated(50, { types: ["keys-*"] })),
  hour: searching(hours),
  rareWord: searching(repeated(50, { text: Fill.rareWord.name })),
  word: searching(() => nouns.map((text) => ({ text }))),
  commonWord: searching(repeated(50, { text: "file" })),
  level: searching(repeated(3, { level: "Error" })),
  ip: searching(repeated(3, { ip: "192.0.2.1" }))
}
