/** Three servers write 300,000 events into one PostgreSQL. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Chunk, Effect, type Scope, Stream } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as AuditStore from "../../src/AuditStore.js"
import { connected, schema, schemaUrl } from "../support/sqlDatabases.js"
import { withStore } from "../support/sqlStore.js"

const instances = ["web-1", "web-2", "web-3"]
const each = 100_000
const perRequest = 250

interface Server {
  readonly port: number
  /** Ends it as an operator does, and tells with which code. */
  readonly stop: Effect.Effect<number | null>
}

const start = (folder: string, instance: string, url: string): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Server & { readonly kill: () => void }>((resume) => {
      const file = join(import.meta.dirname, "fleetServer.ts")
      const child = spawn(process.execPath, ["--import", "tsx", file, folder, instance, url], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const ended = new Promise<number | null>((resolve) => child.once("exit", resolve))
      const stop = Effect.zipRight(
        Effect.sync(() => child.kill("SIGTERM")),
        Effect.promise(() => ended)
      )
      child.stdout.once("data", (text: Buffer) =>
        resume(Effect.succeed({ port: Number(text.toString()), stop, kill: () => child.kill("SIGKILL") }))
      )
    }),
    ({ kill }) => Effect.sync(kill)
  )

const post = (port: number) =>
  Effect.promise(() => fetch(`http://127.0.0.1:${port}/events/${perRequest}`, { method: "POST" })).pipe(
    Effect.tap((response) => Effect.promise(() => response.text())),
    Effect.map(({ status }) => assert.strictEqual(status, 200))
  )

describe("a fleet", () => {
  it.scopedLive(
    "of three servers writes 300,000 events into one PostgreSQL: each once, in order, in valid chains",
    () =>
      Effect.gen(function* () {
        const name = yield* schema
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "fleet-"))),
          (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
        )
        const servers = yield* Effect.forEach(instances, (instance) => start(folder, instance, schemaUrl(name)), {
          concurrency: "unbounded"
        })
        yield* Effect.forEach(
          servers,
          ({ port }) => Effect.forEach(Arr.range(1, each / perRequest), () => post(port), { concurrency: 8 }),
          { concurrency: "unbounded" }
        )
        const codes = yield* Effect.forEach(servers, ({ stop }) => stop, { concurrency: "unbounded" })
        // They end once everything was forwarded.
        assert.deepStrictEqual(codes, [0, 0, 0])

        yield* withStore(connected(schemaUrl(name)), (store) =>
          Effect.gen(function* () {
            for (const instance of instances) {
              const counted = store.chain(instance).pipe(
                Stream.filter(({ record }) => record.event.type === "fleet-counted"),
                Stream.map(({ record }) => Number(record.event.details["count"]))
              )
              const numbers = Chunk.toReadonlyArray(yield* Stream.runCollect(counted))
              assert.strictEqual(numbers.length, each)
              assert.isTrue(
                numbers.every((number, index) => number === index + 1),
                `${instance} in order`
              )
            }
            const report = yield* Effect.provideService(
              AuditStore.verify({ expected: instances }),
              AuditStore.AuditStore,
              store
            )
            assert.deepStrictEqual(report.problems, [])
          })
        )
      }),
    { timeout: 600_000 }
  )
})
