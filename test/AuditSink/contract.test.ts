/** What every sink promises, for those that need no service. */
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer, Ref } from "effect"
import type * as AuditRecord from "../../src/AuditRecord.js"
import * as AuditSink from "../../src/AuditSink.js"
import * as FileSink from "../../src/AuditSink/File.js"
import { temporaryPath } from "../internal/logFiles.js"
import { describeSink, type Subject } from "../support/sinkContract.js"
import { sqlite } from "../support/sqlDatabases.js"
import { sqlPlace } from "../support/sqlStore.js"
import { readTrail } from "./trails.js"

describeSink("memory", {
  place: Effect.map(Ref.make<ReadonlyArray<AuditRecord.AuditRecord>>([]), (records) => ({
    layer: AuditSink.memory(records),
    stored: Ref.get(records)
  })),
  // Nobody asks it to: what it has written is durable.
  knowsWhatItHas: false
})

const file = (options: Partial<FileSink.Options>): Subject => ({
  place: temporaryPath.pipe(
    Effect.map((path) => ({
      layer: FileSink.layer({ path, ...options }).pipe(Layer.provide(NodeFileSystem.layer)),
      stored: Effect.orDie(Effect.provide(readTrail(path), NodeFileSystem.layer))
    })),
    Effect.provide(NodeFileSystem.layer),
    Effect.orDie
  ),
  // What is given again before it was synced is appended again: it is only ever given after the file was cut back.
  knowsWhatItHas: false
})

describeSink("a file", file({}))
describeSink("a chained file with segments", file({ chain: true, maxBytes: 100_000, compress: true }))
describeSink("SQLite", { place: Effect.map(sqlite, sqlPlace) })
