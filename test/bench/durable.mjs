// What durability costs: acknowledged records against a bare loop on the same disk, and reading a chain back.
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { generateKeyPairSync, hash } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import * as AuditChain from "../../dist/AuditChain.js"
import * as FileSink from "../../dist/AuditSink/File.js"
import { AuditContext, AuditLog, Registrar } from "../../dist/index.js"
import { measure, ownCpu } from "./measure.mjs"
import * as Registered from "./servers/registered.mjs"

const fibers = 64

/** The length of a chained record of this benchmark. */
const line = Buffer.from("x".repeat(399) + "\n")

const writeAndSync = (path) => async () => {
  const count = 3_000
  const file = fs.openSync(path, "a")
  for (let index = 0; index < count; index++) {
    fs.writeSync(file, line)
    fs.fdatasyncSync(file)
  }
  fs.closeSync(file)
  return { count }
}

const pair = generateKeyPairSync("ed25519")
const pem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString()
export const sealed = { chain: true, seals: { keys: [Redacted.make(pem)] } }

/** Each fiber adds its next event when the last one is durable. */
const requireAll = (path, options, count) =>
  Effect.gen(function* () {
    const audit = yield* AuditLog.AuditLog
    const each = Effect.forEach(
      Array.from({ length: count / fibers }),
      (_, files) => audit.require(Registered.Listed, { files }),
      {
        discard: true
      }
    )
    const start = performance.now()
    yield* Effect.forEach(Array.from({ length: fibers }), () => each, { concurrency: "unbounded", discard: true })
    // Opening and closing are not what is measured.
    return { count, seconds: (performance.now() - start) / 1000 }
  }).pipe(
    Effect.provideService(AuditContext.AuditContext, { ip: "192.0.2.7", path: "/files", user: "ada" }),
    Effect.provide(
      Registered.Bench.layer.pipe(
        Layer.provideMerge(Registrar.layer()),
        Layer.provide(FileSink.layer({ path, ...options })),
        Layer.provide(NodeFileSystem.layer)
      )
    )
  )

const required = (path, options) => () => Effect.runPromise(requireAll(path, options, fibers * 750))

/** Once to warm up, then once that counts. */
const interleaved = async (contestants) => {
  const measured = {}
  for (const warm of [false, true]) {
    for (const [name, work] of Object.entries(contestants)) {
      const result = await measure(work, [ownCpu])
      if (warm) measured[name] = result
    }
  }
  return measured
}

export const durable = (folder) =>
  interleaved({
    "write and fdatasync, one by one": writeAndSync(join(folder, "loop")),
    "`require`": required(join(folder, "plain"), {}),
    "`require`, chained": required(join(folder, "chained"), { chain: true }),
    "`require`, chained and sealed": required(join(folder, "sealed"), sealed)
  })

const eachLine = (bytes, use) => {
  let count = 0
  for (let from = 0, end; (end = bytes.indexOf(10, from)) !== -1; from = end + 1) {
    use(bytes.subarray(from, end))
    count++
  }
  return { count }
}

export const verified = async (folder) => {
  const path = join(folder, "verified")
  await Effect.runPromise(requireAll(path, sealed, fibers * 3_000))
  const bytes = fs.readFileSync(path)
  const key = Effect.runSync(AuditChain.publicKey(pair.publicKey.export({ type: "spki", format: "pem" }).toString()))
  return interleaved({
    "SHA-256 of each line": async () => eachLine(bytes, (line) => hash("sha256", line)),
    "`AuditChain.verifier`": async () => {
      const verifier = AuditChain.verifier({ keys: [key] })
      const read = eachLine(bytes, verifier.line)
      const { problem } = verifier.end()
      if (problem !== undefined) throw new Error(problem.message)
      return read
    }
  })
}
