import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, beforeAll, describe, it } from "vitest"
import type { Result } from "./flow.js"

const events = 102_400
const capacity = 1_000

/** In a process of its own, whose heap is nobody else's. */
const run = async () => {
  const args = [
    "--expose-gc",
    "--import",
    "tsx",
    join(import.meta.dirname, "main.ts"),
    String(events),
    String(capacity)
  ]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const lines = stdout.trim().split("\n")
  return new Map(
    lines.map((line) => {
      const { whenFull, ...result } = JSON.parse(line) as Result & { readonly whenFull: string }
      return [whenFull, result]
    })
  )
}

describe("a flood of events into a slow sink", () => {
  let results: ReadonlyMap<string, Result>
  beforeAll(async () => {
    results = await run()
  }, 120_000)

  for (const whenFull of ["suspend", "drop-new", "drop-old"]) {
    it(`(${whenFull}) is accounted for exactly, in order, in bounded memory`, () => {
      const { account, growth, outOfOrder, reported, stored, wrong } = results.get(whenFull)!
      assert.deepStrictEqual(account, {
        accepted: events,
        durable: stored,
        dropped: reported,
        pending: 0,
        collapsed: 0
      })
      assert.strictEqual(stored + reported, events)
      assert.strictEqual(outOfOrder, 0)
      assert.strictEqual(wrong, 0)
      if (whenFull === "suspend") assert.strictEqual(reported, 0)
      else assert.isAbove(reported, 0)
      // All of them at the same time would be more than a hundred.
      assert.isBelow(growth, 20)
    })
  }
})
