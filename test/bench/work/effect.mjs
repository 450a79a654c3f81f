// What the contestants with Effect share.
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import * as FileSink from "../../../dist/AuditSink/File.js"
import { AuditContext, Registrar } from "../../../dist/index.js"
import { stopwatch } from "../measure.mjs"
import * as Registered from "../servers/registered.mjs"

export const request = { ip: "192.0.2.7", path: "/files", user: "ada" }

/** `body` as often as that, in one fiber, without anything between. */
export const repeat = (count, body, step = () => {}) =>
  Effect.suspend(() => {
    let done = 0
    return Effect.whileLoop({
      while: () => done < count,
      body: () => body(done),
      step: () => {
        done++
        step()
      }
    })
  })

export const fileSink = (options) => FileSink.layer(options).pipe(Layer.provide(NodeFileSystem.layer))

/** Runs it with the services of the library, in the context of a request. */
export const runWith = (effect, { sink, extension = Registered.Bench, ...options }) =>
  effect.pipe(
    Effect.provideService(AuditContext.AuditContext, request),
    Effect.provide(extension.layer.pipe(Layer.provideMerge(Registrar.layer(options)), Layer.provide(sink))),
    Effect.runPromise
  )

/** What `effect` alone takes: opening and closing are not what is measured. */
export const timed = (count, effect) =>
  Effect.gen(function* () {
    const taken = stopwatch()
    yield* effect
    return { count, ...taken() }
  })
