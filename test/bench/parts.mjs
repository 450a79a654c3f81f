// The parts of the benchmarks: their cases, what measures one of them and, where they share something, what makes that.
//
// A case is added to a file of `cases/`, in the list that its `cases` makes: a title, columns, contestants by key, what the
// figures mean and, where they are promised, `targets`: ratios of the contestants, their bounds, and why one is missed, if it
// is. A contestant without a
// server is a function under the same key in the `contestants` of the module in `work/` that the case names; one over HTTP
// names its server in `servers/`, with path and arguments. The first one of a case is what the others are compared with. A case that
// `needs` PostgreSQL is left out where that is not there.
import * as Durable from "./cases/durable.mjs"
import * as Growth from "./cases/growth.mjs"
import * as Http from "./cases/http.mjs"
import * as Process from "./cases/process.mjs"
import * as Searches from "./cases/scale.mjs"
import * as Spool from "./cases/spool.mjs"
import * as Store from "./cases/store.mjs"
import * as Types from "./cases/types.mjs"
import * as Server from "./http.mjs"
import { inChild, interleave } from "./rounds.mjs"
import * as Scale from "./scale.mjs"
import * as Compiler from "./types.mjs"

/** A case that needs no server names the module of its work. */
const compare = (each, setting) =>
  each.work === undefined
    ? Server.compare(each, setting)
    : interleave({ ...each, rounds: setting.rounds }, inChild(each.work, setting.folder))

/** Without targets there is less to be sure of. */
const fewer = (each, setting) => compare(each, { ...setting, rounds: 3 })

export const parts = {
  http: { cases: Http.cases, compare },
  process: { cases: Process.cases, compare },
  durable: { cases: Durable.cases, compare },
  spool: { cases: Spool.cases, compare },
  store: { cases: Store.cases, compare },
  scale: { cases: Searches.cases, compare: Scale.compare, around: Scale.around },
  types: { cases: Types.cases, compare: Compiler.compare },
  growth: { cases: Growth.cases, compare: fewer }
}

/** A contestant that is only in the case, or only in its work, would be missed when its turn comes, or never. */
export const checkKeys = async ({ title, work, contestants }) => {
  if (work === undefined) return
  const { contestants: made } = await import(`./work/${work}.mjs`)
  const without = (keys, others) => Object.keys(keys).filter((key) => !Object.hasOwn(others, key))
  const problems = [
    ...without(contestants, made).map((key) => `'${key}' is not in work/${work}.mjs`),
    ...without(made, contestants).map((key) => `'${key}' of work/${work}.mjs is not in the case`)
  ]
  if (problems.length > 0) throw new Error(`The contestants of "${title}" differ: ${problems.join(", ")}`)
}
