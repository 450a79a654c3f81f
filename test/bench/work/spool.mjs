// Acknowledged records beside a remote sink that answers, that hangs and that fails.
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import assert from "node:assert/strict"
import { readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Spool from "../../../dist/AuditSink/Spool.js"
import { AuditSink } from "../../../dist/index.js"
import { lineCount } from "../lineCount.mjs"
import { newFile, requireThrough } from "./durable.mjs"
import { fileSink } from "./effect.mjs"

const fibers = 64
/** More than where only the rate counts: of these, one in a hundred makes the figure. */
const each = 2_000

const remote = (write) => Layer.succeed(AuditSink.AuditSink, { write, sync: Effect.void })

const remotes = {
  answers: AuditSink.empty,
  hangs: remote(() => Effect.never),
  fails: remote(() =>
    Effect.fail(new AuditSink.AuditSinkError({ sink: "remote", reason: "Unavailable", description: "it is not there" }))
  )
}

/** What is left when it closes is not what is measured. */
const closeWithin = "10 millis"

const spooled = (remote, path) =>
  remote.pipe(Spool.through({ path, instance: "web-1", closeWithin }), Layer.provide(NodeFileSystem.layer))

const file = (path) => fileSink({ path, chain: true })

/** `sinkOf` is given a file for all that is acknowledged, and the folder for what else it needs. */
const acknowledged = (sinkOf) => (folder) => async () => {
  const path = newFile(folder)
  const result = await requireThrough(sinkOf(path, folder), fibers, each)
  const lines = linesIn(dirname(path))
  assert.ok(lines >= result.count, `${result.count} records are durable, and ${lines} are there`)
  return result
}

/** A spool has several files. */
const linesIn = (folder) => readdirSync(folder).reduce((sum, name) => sum + lineCount(join(folder, name)), 0)

const besideBestEffort = (remote) =>
  acknowledged((path) => AuditSink.combine(file(path), remote.pipe(AuditSink.bestEffort({ closeWithin }))))

const besideSpool = (remote) =>
  acknowledged((path, folder) => AuditSink.combine(file(path), spooled(remote, newFile(folder))))

export const contestants = {
  file: acknowledged(file),
  bestEffortAnswers: besideBestEffort(remotes.answers),
  bestEffortHangs: besideBestEffort(remotes.hangs),
  twoFiles: acknowledged((path, folder) => AuditSink.combine(file(path), file(newFile(folder)))),
  answers: besideSpool(remotes.answers),
  hangs: besideSpool(remotes.hangs),
  fails: besideSpool(remotes.fails),
  spoolHangs: acknowledged((path) => spooled(remotes.hangs, path))
}
