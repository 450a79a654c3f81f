import { HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream, TestClock } from "effect"
import * as Drain from "../../src/internal/drain.js"

const refused = HttpServerResponse.empty({ status: 503 })
const ok = HttpServerResponse.text("ok")

const start = (drain: ReturnType<typeof Drain.make>, handler: Effect.Effect<HttpServerResponse.HttpServerResponse>) =>
  Effect.fork(Effect.scoped(drain.count(handler)))

const settle = Effect.repeatN(Effect.yieldNow(), 10)

describe("close", () => {
  it.effect("resumes at once where nothing runs, and refuses from then on", () =>
    Effect.gen(function* () {
      const drain = Drain.make(Effect.succeed(refused))
      yield* Fiber.join(yield* start(drain, ok))
      yield* drain.close("1 hour")
      assert.strictEqual((yield* Fiber.join(yield* start(drain, ok))).status, 503)
    })
  )

  it.effect("waits for what runs, and counts what fails or is interrupted as finished", () =>
    Effect.gen(function* () {
      const drain = Drain.make(Effect.succeed(refused))
      const goOn = yield* Deferred.make<void>()
      const running = yield* start(drain, Effect.as(Deferred.await(goOn), ok))
      const failing = yield* start(drain, Effect.zipRight(Deferred.await(goOn), Effect.dieMessage("x")))
      const interrupted = yield* start(drain, Effect.never)
      yield* settle
      const closing = yield* Effect.fork(drain.close("1 hour"))
      yield* settle
      assert.strictEqual((yield* Fiber.poll(closing))._tag, "None")
      yield* Fiber.interrupt(interrupted)
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(closing)
      assert.strictEqual((yield* Fiber.join(running)).status, 200)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(failing)))
    })
  )

  it.effect(
    "waits for the scope of a request, which a server may keep open for a stream after its fiber has ended",
    () =>
      Effect.gen(function* () {
        const drain = Drain.make(Effect.succeed(refused))
        const scope = yield* Scope.make()
        const streamed = HttpServerResponse.stream(Stream.make(new Uint8Array(1)))
        yield* Fiber.join(yield* Effect.fork(Scope.extend(drain.count(Effect.succeed(streamed)), scope)))
        const closing = yield* Effect.fork(drain.close("1 hour"))
        yield* settle
        assert.strictEqual((yield* Fiber.poll(closing))._tag, "None")
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(closing)
      })
  )

  it.effect("interrupts what does not finish in time, also where it closes in a finalizer", () =>
    Effect.gen(function* () {
      const drain = Drain.make(Effect.succeed(refused))
      const hanging = yield* start(drain, Effect.never)
      const goOn = yield* Deferred.make<void>()
      const stubborn = yield* start(drain, Effect.uninterruptible(Effect.as(Deferred.await(goOn), ok)))
      yield* settle
      const closing = yield* Effect.fork(Effect.uninterruptible(drain.close("2 seconds")))
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(hanging)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual((yield* Fiber.poll(stubborn))._tag, "None")
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.await(stubborn)
    })
  )
})
