/**
 * A program that writes an audit trail until it is killed, and says what is durable.
 *
 * It loads, says so, and waits for its `Life` on standard input. It ends when that is closed, and so never survives its parent.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import { Array as Arr, Cause, Effect, Exit, Layer, Logger, Redacted, Schema, Utils } from "effect"
import { writeSync } from "node:fs"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as AuditLog from "../../src/AuditLog.js"
import * as AuditRegistry from "../../src/AuditRegistry.js"
import * as FileSink from "../../src/AuditSink/File.js"
import * as ErrorRegistry from "../../src/ErrorRegistry.js"
import * as Extension from "../../src/Extension.js"
import * as Mortal from "./mortalFileSystem.js"
import { eventType, mostAdded, render, type Life, type Message } from "./protocol.js"

const say = (...message: Message) => writeSync(1, render(message))

const Worked = AuditEvent.make(eventType, {
  level: "Info",
  message: "{life} {fiber} {n}",
  fields: { life: Schema.Int, fiber: Schema.Int, n: Schema.Int, padding: Schema.String }
})

const Crash = Extension.make("crash", { auditEvents: [Worked] })

const live = (life: Life) =>
  Effect.gen(function* () {
    const { trail } = life
    const random = new Utils.PCGRandom(life.seed)
    const fs = yield* FileSystem.FileSystem
    let stage = "opening"
    const mortal = Mortal.wrap(fs, {
      names: [
        ["the trail", trail.path],
        ["the outside seals", trail.outsideSeals ?? trail.path]
      ],
      stage: () => stage,
      target: life.end,
      onPlace: (place) => say("p", place),
      onEnd: () => say("k"),
      removed: trail.removed
    })

    const sink = FileSink.layer({
      path: trail.path,
      maxBytes: trail.maxBytes,
      compress: trail.compress,
      keep: { files: trail.keepFiles },
      chain: true,
      seals: {
        keys: [Redacted.make(trail.privateKey)],
        everyRecords: trail.sealEveryRecords,
        every: trail.sealEveryMillis,
        to: trail.outsideSeals === undefined ? undefined : FileSink.layer({ path: trail.outsideSeals })
      }
    })

    const work = (fiber: number) =>
      Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        let n = 0
        const event = () => ({ life: life.number, fiber, n: ++n, padding: paddingOf(random) })
        while (n < life.events / fibers) {
          for (let adding = random.integer(mostAdded + 1); adding > 0; adding--) yield* audit.add(Worked, event())
          yield* audit.require(Worked, event())
          say("a", fiber, n)
        }
      })

    yield* Effect.sync(() => {
      stage = "running"
      say("o")
    }).pipe(
      Effect.zipRight(Effect.forEach(Arr.range(1, fibers), work, { concurrency: "unbounded" })),
      Effect.zipRight(
        Effect.sync(() => {
          stage = "closing"
          say("c")
        })
      ),
      Effect.provide(
        Layer.provideMerge(
          Crash.layer,
          Layer.mergeAll(
            AuditLog.layer({ source: "crash" }).pipe(Layer.provide(sink), Layer.provideMerge(AuditRegistry.layer)),
            ErrorRegistry.layer
          )
        )
      ),
      Effect.provideService(FileSystem.FileSystem, mortal)
    )
  }).pipe(Effect.provide(Layer.merge(NodeFileSystem.layer, toStandardError)))

const fibers = 5

/** Mostly short; at times much more than a page, which a kill can cut in the middle. */
const paddingOf = (random: Utils.PCGRandom): string => {
  const dice = random.integer(200)
  return "x".repeat(random.integer(dice === 0 ? 400_000 : dice < 10 ? 8_000 : 200))
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
  const life = JSON.parse(input) as Life
  Effect.runCallback(live(life), {
    onExit: (exit) => {
      if (Exit.isFailure(exit)) say("f", Cause.pretty(exit.cause))
      else say("e")
      process.exit(Exit.isFailure(exit) ? 1 : 0)
    }
  })
})
// The terminal sends this to every process of the command; the parent decides.
process.on("SIGINT", () => {})
say("r")
