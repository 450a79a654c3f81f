/**
 * Modules that need optional packages: loaded when somebody asks for what they do.
 */
import { Effect, Option } from "effect"
import { CliError } from "./CliError.js"
import { manifest } from "./Manifest.js"

const sql = ["@effect/sql", "@effect/experimental"]

/** What each kind of store needs. */
export const packages = {
  postgres: [...sql, "@effect/sql-pg"],
  sqlite: [...sql, "@effect/sql-sqlite-node"],
  nats: ["@nats-io/jetstream", "@nats-io/transport-node"]
}

/** `shown` is what somebody asked for, and `needed` the packages that it takes. */
export const load = <A>(shown: string, needed: ReadonlyArray<string>, module: () => Promise<A>) =>
  Effect.tryPromise({ try: module, catch: (cause) => cause }).pipe(
    Effect.catchAll((cause) =>
      Effect.flatMap(manifest, (found) => {
        const missing = /^Cannot find package '([^']+)'/.exec(cause instanceof Error ? cause.message : "")?.[1]
        if (missing === undefined) return Effect.die(cause)
        const ranges = Option.match(found, { onNone: () => ({}), onSome: ({ peerDependencies }) => peerDependencies })
        const named = needed.map((name) => `"${name}@${new Map(Object.entries(ranges)).get(name) ?? "latest"}"`)
        const description = `'${shown}' needs the package ${missing}, which is not installed: npm install ${named.join(" ")}`
        return new CliError({ description, cause })
      })
    )
  )
