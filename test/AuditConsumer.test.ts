/** What needs no server. `test/services` has the rest. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as AuditConsumer from "../src/AuditConsumer.js"
import { consume } from "./support/consumers.js"
import { sqlite } from "./support/sqlDatabases.js"
import { withStore } from "./support/sqlStore.js"

const here = { servers: "nats://127.0.0.1:1", stream: "AUDIT", subject: "audit" }

const open = (options: Partial<AuditConsumer.Options>) =>
  Effect.flatMap(sqlite, (database) =>
    withStore(database, (store) =>
      Effect.flip(Effect.scoped(consume(here, store, { timeout: "300 millis", ...options })))
    )
  )

describe("options of a consumer that make no sense", () => {
  const cases: ReadonlyArray<readonly [Partial<AuditConsumer.Options>, RegExp]> = [
    [{ durable: "" }, /'durable' has letters/],
    [{ durable: "a.b" }, /'durable' has letters/],
    [{ durable: "a b" }, /'durable' has letters/],
    [{ batch: 0 }, /'batch' must be a whole number from 1 to 10,000/],
    [{ batch: 1.5 }, /'batch' must be a whole number/],
    [{ batch: 10_001 }, /'batch' must be a whole number/],
    [{ ackWait: 10 }, /'ackWait' must be a duration of at least a second/],
    [{ ackWait: Infinity }, /'ackWait' must be a duration of at least a second/],
    [{ stream: ">" }, /'stream' has letters/]
  ]
  for (const [options, sentence] of cases) {
    it.scopedLive(`are said: ${JSON.stringify(options)}`, () =>
      Effect.map(open(options), (error) => {
        assert.strictEqual(error.reason, "Misconfigured")
        assert.match(error.message, sentence)
      })
    )
  }

  it.scopedLive("are not the only reason why it does not begin", () =>
    Effect.map(open({}), (error) => assert.strictEqual(error.reason, "Unavailable"))
  )
})
