// The drivers that the clients of `@effect/sql` bring along, so that whoever does without these uses the same ones.
import { createRequire } from "node:module"

const broughtBy = (name) => createRequire(import.meta.resolve(name))

export const { Client } = broughtBy("@effect/sql-pg")("pg")
export const Sqlite = broughtBy("@effect/sql-sqlite-node")("better-sqlite3")
