// The comparisons without HTTP: sends one round of each contestant to its parent.
import { Effect, Layer, Ref } from "effect"
import * as fs from "node:fs"
import { join } from "node:path"
import { AuditContext, AuditLog, AuditSink, HttpErrors, Registrar } from "../../dist/index.js"
import { durable, verified } from "./durable.mjs"
import { measure, ownCpu } from "./measure.mjs"
import * as ByHand from "./servers/byHand.mjs"
import * as Registered from "./servers/registered.mjs"

const request = { ip: "192.0.2.7", path: "/files", user: "ada" }

const bodyOf = (response) => new TextDecoder().decode(response.body.body)

const repeat = (count, body) => {
  let done = 0
  return Effect.whileLoop({ while: () => done < count, body: () => body(done), step: () => done++ })
}

const withSink = (sink) => (effect) =>
  effect.pipe(
    Effect.provideService(AuditContext.AuditContext, request),
    Effect.provide(Registered.Bench.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provide(sink)))
  )

/** The record that the events of this benchmark make. */
const sample = Effect.gen(function* () {
  const records = yield* Ref.make([])
  const one = Effect.flatMap(AuditLog.AuditLog, (audit) => audit.require(Registered.Listed, { files: 3 }))
  yield* withSink(AuditSink.memory(records))(one)
  return JSON.parse((yield* Ref.get(records))[0].line)
})

const program = Effect.gen(function* () {
  const audit = yield* AuditLog.AuditLog
  const record = yield* sample
  const handled = HttpErrors.handle(Registered.limited)
  if (bodyOf(yield* handled) !== bodyOf(yield* ByHand.limited)) throw new Error("The answers differ")

  return {
    events: yield* interleaved(100_000, {
      "`JSON.stringify` and an array": (count) =>
        Effect.sync(() => {
          const lines = []
          for (let index = 0; index < count; index++) lines.push(JSON.stringify(record))
        }),
      "`AuditLog.add`": (count) =>
        Effect.zipRight(
          repeat(count, (files) => audit.add(Registered.Listed, { files })),
          audit.flush
        )
    }),
    errors: yield* interleaved(50_000, {
      "by hand": (count) => repeat(count, () => ByHand.limited),
      "`HttpErrors.handle`": (count) => repeat(count, () => handled)
    })
  }
}).pipe(withSink(AuditSink.empty))

/** Each once to warm up, then once that counts. */
const interleaved = Effect.fnUntraced(function* (count, contestants) {
  const context = yield* Effect.context()
  const measured = {}
  for (const warm of [false, true]) {
    for (const [name, work] of Object.entries(contestants)) {
      const run = () => Effect.runPromise(Effect.provide(Effect.as(work(count), { count }), context))
      const result = yield* Effect.promise(() => measure(run, [ownCpu]))
      if (warm) measured[name] = result
    }
  }
  return measured
})

const [folder] = process.argv.slice(2)
const own = fs.mkdtempSync(join(folder, "round-"))
process.send({ ...(await Effect.runPromise(program)), durable: await durable(own), verified: await verified(own) })
fs.rmSync(own, { recursive: true })
process.disconnect()
