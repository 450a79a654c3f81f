import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Random, Schedule } from "effect"
import { backOff } from "../../src/internal/spoolForwarder.js"
import * as JumpClock from "./jumpClock.js"

describe("the back-off", () => {
  it.live("grows from a tenth of a second to half a minute, jittered, and stays there for days", () => {
    const { clock, jump } = JumpClock.make(1_700_000_000_000)
    return Effect.gen(function* () {
      const driver = yield* Schedule.driver(backOff)
      let last = yield* Clock.currentTimeMillis
      for (let index = 0; index < 4000; index++) {
        const next = yield* Effect.fork(driver.next(undefined))
        yield* Effect.yieldNow()
        const middle = Math.min(100 * 2 ** index, 30_000)
        yield* jump(0.8 * middle - 1)
        yield* Effect.yieldNow()
        assert.isTrue((yield* next.status)._tag === "Suspended", `attempt ${index} was not too soon`)
        yield* jump(0.4 * middle + 2)
        yield* next.await
        last = yield* Clock.currentTimeMillis
      }
      assert.isAbove(last, 1_700_000_000_000 + 30 * 3600 * 1000)
    }).pipe(Effect.withRandom(Random.make("back-off")), Effect.withClock(clock))
  })
})
