/**
 * A program that writes an audit trail into a spool in front of a SQLite database until it is killed, and says what is durable.
 *
 * It loads, says so, and waits for its `SpoolLife` on standard input. It ends when that is closed, and so never survives its parent.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Array as Arr, Cause, Effect, Exit, Layer, Logger, Schema, Utils } from "effect"
import { writeSync } from "node:fs"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as AuditLog from "../../src/AuditLog.js"
import * as AuditRegistry from "../../src/AuditRegistry.js"
import { AuditSink, AuditSinkError } from "../../src/AuditSink.js"
import * as Spool from "../../src/AuditSink/Spool.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"
import * as ErrorRegistry from "../../src/ErrorRegistry.js"
import * as Extension from "../../src/Extension.js"
import * as Mortal from "./mortalFileSystem.js"
import { render, type Message, type Target } from "./protocol.js"
import { eventType, instance, type SpoolLife } from "./spoolProtocol.js"

const say = (...message: Message) => writeSync(1, render(message))

const Worked = AuditEvent.make(eventType, {
  level: "Info",
  message: "{life} {fiber} {n}",
  fields: { life: Schema.Int, fiber: Schema.Int, n: Schema.Int, padding: Schema.String }
})

const Crash = Extension.make("crash", { auditEvents: [Worked] })

const fibers = 3

const live = (life: SpoolLife) =>
  Effect.gen(function* () {
    const { place } = life
    const random = new Utils.PCGRandom(life.seed)
    const fs = yield* FileSystem.FileSystem
    let stage = "opening"
    const mortal = Mortal.wrap(fs, {
      names: [
        ["the cursor", `${place.path}.cursor`],
        ["the spool", place.path]
      ],
      stage: () => stage,
      target: life.end,
      onPlace: (found) => say("p", found),
      onEnd: () => say("k"),
      removed: place.removed
    })
    const store = mortalStore(life.end, () => stage)

    /** Fails now and then, before or after it has stored a batch, and takes its time. */
    const troubled = Layer.effect(
      AuditSink,
      Effect.map(AuditSink, (sink) => ({
        write: (batch) => {
          const dice = random.number() / Math.max(life.trouble, 1e-9)
          const stored = Effect.delay(store(sink.write(batch)), dice < 1 ? random.integer(20) : 0)
          return dice < 0.2 ? unavailable : dice < 0.4 ? Effect.zipRight(stored, unavailable) : stored
        },
        sync: sink.sync
      }))
    )
    const sink = troubled.pipe(
      Layer.provide(SqlSink.layer({ instance })),
      Layer.provide(SqliteClient.layer({ filename: place.database })),
      Spool.through({ ...place, instance, maxBatch: { records: 1 + random.integer(50) } })
    )

    const work = (fiber: number) =>
      Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        let n = 0
        const event = () => ({ life: life.number, fiber, n: ++n, padding: paddingOf(random) })
        while (n < life.events / fibers) {
          for (let adding = random.integer(4); adding > 0; adding--) yield* audit.add(Worked, event())
          const required = event()
          // The spool may be full for a while.
          const exit = yield* Effect.exit(audit.require(Worked, required))
          if (Exit.isSuccess(exit)) say("a", fiber, required.n)
          else yield* Effect.sleep("20 millis")
        }
      })

    yield* Effect.gen(function* () {
      stage = "running"
      say("o")
      yield* Effect.forEach(Arr.range(1, fibers), work, { concurrency: "unbounded" })
      yield* Effect.flatMap(AuditLog.AuditLog, (audit) => Effect.eventually(audit.flush))
      yield* Effect.flatMap(Spool.Spool, (spool) => spool.forwarded)
      stage = "closing"
      say("c")
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          Crash.layer,
          Layer.mergeAll(
            AuditLog.layer({ source: "crash" }).pipe(Layer.provideMerge(sink), Layer.provideMerge(AuditRegistry.layer)),
            ErrorRegistry.layer
          )
        )
      ),
      Effect.provideService(FileSystem.FileSystem, mortal)
    )
  }).pipe(Effect.provide(Layer.merge(NodeFileSystem.layer, toStandardError)))

const unavailable = new AuditSinkError({ sink: "SQLite", reason: "Unavailable", description: "so the dice say" })

/** Ends the program before the remote sink has a batch, or after it and before anybody knows. */
const mortalStore = (target: Target | undefined, stage: () => string) => {
  let occurrence = 0
  const end = Effect.suspend(() => {
    say("k")
    process.kill(process.pid, "SIGKILL")
    return Effect.never
  })
  return <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const place = `${stage()}: store in the database`
      if (++occurrence === 1) say("p", place)
      if (target?.place !== place || target.occurrence !== occurrence) return effect
      return target.moment === "before" ? end : Effect.zipRight(effect, end)
    })
}

/** Mostly short; at times more than a segment. */
const paddingOf = (random: Utils.PCGRandom): string => {
  const dice = random.integer(200)
  return "x".repeat(random.integer(dice === 0 ? 20_000 : 200))
}

/** Standard output is for the parent. */
const toStandardError = Logger.replace(
  Logger.defaultLogger,
  Logger.map(Logger.logfmtLogger, (line) => void writeSync(2, line + "\n"))
)

let input = ""
let begun = false
process.stdin.setEncoding("utf8")
process.stdin.on("end", () => process.exit(1))
process.stdin.on("data", (text) => {
  input += String(text)
  if (begun || !input.includes("\n")) return
  begun = true
  // The parent writes nothing else.
  const life = JSON.parse(input) as SpoolLife
  Effect.runCallback(live(life), {
    onExit: (exit) => {
      if (Exit.isFailure(exit)) say("f", Cause.pretty(exit.cause))
      else say("e")
      process.exit(Exit.isFailure(exit) ? 1 : 0)
    }
  })
})
process.on("SIGINT", () => {})
say("r")
