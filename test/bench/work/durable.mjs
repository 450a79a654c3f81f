// What durability costs: acknowledged records, against a loop and a group commit on the same disk.
import { Effect, Redacted } from "effect"
import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { AuditLog } from "../../../dist/index.js"
import { lineCount } from "../lineCount.mjs"
import { stopwatch } from "../measure.mjs"
import * as Registered from "../servers/registered.mjs"
import { fileSink, repeat, runWith, timed } from "./effect.mjs"
import * as GroupCommit from "./groupCommit.mjs"
import { jsonLine } from "./plainLine.mjs"

export const pair = generateKeyPairSync("ed25519")
const pem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString()
export const sealed = { chain: true, seals: { keys: [Redacted.make(pem)] } }

/** The length of a chained record of this benchmark. */
const length = 400
const line = `${"x".repeat(length - 1)}\n`

export const newFile = (folder) => join(fs.mkdtempSync(join(folder, "durable-")), "log")

/** How long each acknowledgement took, in milliseconds. */
const acknowledgements = () => {
  const taken = []
  return {
    add: (start) => taken.push(performance.now() - start),
    percentiles: () => {
      const sorted = Float64Array.from(taken).sort()
      const at = (share) => sorted[Math.floor((sorted.length - 1) * share)]
      return { p50: at(0.5), p99: at(0.99) }
    }
  }
}

const loop = (folder) => async () => {
  const count = 3_000
  const watch = acknowledgements()
  const file = fs.openSync(newFile(folder), "a")
  const bytes = Buffer.from(line)
  for (let index = 0; index < count; index++) {
    const start = performance.now()
    fs.writeSync(file, bytes)
    fs.fdatasyncSync(file)
    watch.add(start)
  }
  fs.closeSync(file)
  return { count, ...watch.percentiles() }
}

/** So many that a round takes about a second. */
const perWriter = (writers) => Math.round(64_000 / writers / (writers < 64 ? 2 : 1))

const plain = (writers, makeLine) => (folder) => async () => {
  const each = perWriter(writers)
  const watch = acknowledgements()
  const log = GroupCommit.open(newFile(folder))
  const write = async () => {
    for (let index = 0; index < each; index++) {
      const start = performance.now()
      await log.append(makeLine(index))
      watch.add(start)
    }
  }
  const taken = stopwatch()
  await Promise.all(Array.from({ length: writers }, write))
  const result = { count: writers * each, ...taken() }
  log.close()
  return { ...result, ...watch.percentiles() }
}

const madeLine = (index) => `${jsonLine(index).padEnd(length - 1)}
`

/** Each fiber adds its next event when the last one is durable. */
export const requireThrough = (sink, fibers, each) =>
  runWith(
    Effect.gen(function* () {
      const audit = yield* AuditLog.AuditLog
      const watch = acknowledgements()
      const fiber = () => {
        let start
        const one = (files) => {
          start = performance.now()
          return audit.require(Registered.Listed, { files })
        }
        return repeat(each, one, () => watch.add(start))
      }
      const all = Effect.forEach(Array.from({ length: fibers }), fiber, { concurrency: "unbounded", discard: true })
      return { ...(yield* timed(fibers * each, all)), ...watch.percentiles() }
    }),
    { sink }
  )

export const requireAll = (path, options, fibers, each) => requireThrough(fileSink({ path, ...options }), fibers, each)

const required = (fibers, options) => (folder) => async () => {
  const path = newFile(folder)
  const result = await requireAll(path, options, fibers, perWriter(fibers))
  const lines = lineCount(path)
  assert.ok(lines >= result.count, `${result.count} records are durable, and ${lines} are there`)
  return result
}

export const contestants = {
  loop,
  plain32: plain(32, () => line),
  made32: plain(32, madeLine),
  require32: required(32, { chain: true }),
  plain64: plain(64, () => line),
  unchained64: required(64, {}),
  require64: required(64, { chain: true }),
  sealed64: required(64, sealed),
  plain512: plain(512, () => line),
  made512: plain(512, madeLine),
  require512: required(512, { chain: true })
}
