// The parts of the benchmarks: their cases, and what measures one of them.
import * as Durable from "./cases/durable.mjs"
import * as Growth from "./cases/growth.mjs"
import * as Http from "./cases/http.mjs"
import * as Process from "./cases/process.mjs"
import * as Types from "./cases/types.mjs"
import * as Server from "./http.mjs"
import { inChild, interleave } from "./rounds.mjs"
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
  process: { cases: () => Process.cases, compare },
  durable: { cases: () => Durable.cases, compare },
  types: { cases: () => Types.cases, compare: Compiler.compare },
  growth: { cases: Growth.cases, compare: fewer }
}
