// The same line, in a file, by several libraries.
import { PlatformLogger } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer, Logger } from "effect"
import assert from "node:assert/strict"
import { once } from "node:events"
import * as fs from "node:fs"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { promisify } from "node:util"
import { AuditLog, AuditSink } from "../../../dist/index.js"
import { lineCount } from "../lineCount.mjs"
import { stopwatch } from "../measure.mjs"
import * as Registered from "../servers/registered.mjs"
import { fileSink, repeat, runWith, timed } from "./effect.mjs"
import { jsonLine, line } from "./plainLine.mjs"

const count = 100_000

/** Runs it, and looks whether all the lines are there. */
const written = (run) => (folder) => async () => {
  const path = join(fs.mkdtempSync(join(folder, "lines-")), "log")
  const result = await run(path)
  const lines = lineCount(path)
  assert.ok(lines >= result.count, `${result.count} lines were written, and ${lines} are there`)
  return { ...result, bytes: fs.statSync(path).size / lines }
}

/** Lines in one turn of the event loop. */
const perTurn = 100

/** Synchronous work, with turns between for what is written asynchronously. `end` resumes when the last line is written. */
const timedLoop = async (each, end, count) => {
  const taken = stopwatch()
  for (let index = 0; index < count; index++) {
    each(index)
    if (index % perTurn === 0) await setImmediate()
  }
  await end()
  return { count, ...taken() }
}

const withPino = (options) =>
  written(async (path) => {
    const { pino } = await import("pino")
    const destination = pino.destination({ dest: path, ...options })
    const logger = pino({ base: { source: "app" } }, destination)
    const each = (index) => {
      const { fields, message } = line(index)
      logger.info(fields, message)
    }
    const flush = promisify((done) => destination.flush(done))
    return timedLoop(each, options.sync ? () => destination.flushSync() : flush, count)
  })

const withWinston = written(async (path) => {
  const { default: winston } = await import("winston")
  const { combine, json, timestamp } = winston.format
  const file = new winston.transports.File({ filename: path })
  const logger = winston.createLogger({ format: combine(timestamp(), json()), transports: [file] })
  const each = (index) => {
    const { fields, message } = line(index)
    logger.info(message, fields)
  }
  const end = async () => {
    logger.end()
    await once(file, "finish")
  }
  // Fewer of them: it keeps in memory what is not written yet.
  return timedLoop(each, end, count / 4)
})

const withStringify = written(async (path) => {
  const file = fs.openSync(path, "a")
  let block = ""
  const write = () => {
    fs.writeSync(file, block)
    block = ""
  }
  const each = (index) => {
    block += `${jsonLine(index)}\n`
    if (block.length > 65_536) write()
  }
  const result = await timedLoop(each, write, count)
  fs.closeSync(file)
  return result
})

const withEffect = written((path) => {
  const logger = Logger.replaceScoped(Logger.defaultLogger, PlatformLogger.toFile(Logger.jsonLogger, path))
  const each = (index) => {
    const { fields, message } = line(index)
    return Effect.log(message, fields)
  }
  // It writes its last lines when it closes, so that belongs to its time.
  return repeat(count, each).pipe(
    Effect.provide(logger.pipe(Layer.provide(NodeFileSystem.layer))),
    (all) => timed(count, all),
    Effect.runPromise
  )
})

const adding = (event, sink) =>
  runWith(
    Effect.flatMap(AuditLog.AuditLog, (audit) =>
      timed(
        count,
        Effect.zipRight(
          repeat(count, (files) => audit.add(event, { files })),
          audit.flush
        )
      )
    ),
    { sink }
  )

export const contestants = {
  pino: withPino({ sync: true }),
  pinoBuffered: withPino({ sync: true, minLength: 4096 }),
  pinoAsync: withPino({ sync: false, minLength: 4096 }),
  add: written((path) => adding(Registered.Seen, fileSink({ path }))),
  addChecked: written((path) => adding(Registered.Listed, fileSink({ path, chain: true }))),
  addNowhere: () => async () => ({ ...(await adding(Registered.Seen, AuditSink.empty)), bytes: 0 }),
  stringify: withStringify,
  winston: withWinston,
  effect: withEffect
}
