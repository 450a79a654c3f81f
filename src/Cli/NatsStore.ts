/**
 * A stream of NATS JetStream, as the commands read it.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import { Chunk, Effect, Option, Redacted, type Scope, Stream } from "effect"
import * as AuditFleet from "../AuditFleet.js"
import * as Reading from "../AuditNats/Reading.js"
import * as Trail from "../AuditNats/Trail.js"
import type { AuditStoreError } from "../AuditStore.js"
import type { Address } from "./Address.js"
import { CliError } from "./CliError.js"
import { type Entry, entryOfLine } from "./Entry.js"
import * as Filter from "./Filter.js"
import { interval, patiently } from "./Following.js"
import * as Log from "./Log.js"
import type { Store, Tail } from "./Store.js"

export const nats = ({
  credentials,
  prefix,
  server,
  shown,
  stream
}: Extract<Address, { readonly _tag: "Nats" }>): Effect.Effect<Store, CliError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const failed = ({ cause, description }: AuditStoreError) =>
      new CliError({ description: `'${shown}' cannot be read: ${description}`, cause })
    const trail = yield* Trail.make({
      servers: server,
      stream,
      subject: prefix,
      manage: false,
      credentials: credentials === undefined ? undefined : yield* readCredentials(credentials)
    }).pipe(Effect.provide(Log.layer), Effect.catchTag("AuditStoreError", failed))
    return {
      shown,
      files: [],
      // Nobody knows how many records its messages hold.
      size: Effect.succeed(0),
      verify: ({ onProgress, ...options }) =>
        Effect.gen(function* () {
          const verifier = AuditFleet.verifier({ ...options, source: "stream", isTrimmed: yield* isTrimmed(trail) })
          const encoder = new TextEncoder()
          let records = 0
          yield* Stream.runForEachChunk(Reading.lines(trail), (lines) => {
            records += lines.length
            for (const { instance, line } of lines) verifier.record(instance, encoder.encode(line))
            return onProgress(records)
          })
          return verifier.end()
        }).pipe(Effect.mapError(failed)),
      read: (filter) => Stream.chunks(Reading.lines(trail)).pipe(Stream.map(passing(filter)), Stream.mapError(failed)),
      tail: (options) => Stream.mapError(tail(trail, shown, options), failed)
    }
  })

const readCredentials = (file: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Effect.mapError(
      fs.readFileString(file),
      (cause) => new CliError({ description: `'${file}' cannot be read (${cause.message})`, cause })
    )
    return Redacted.make(text)
  })

/** Whether it removes what is old, as it was told to. What somebody else has removed is missing. */
const isTrimmed = (trail: Trail.Trail) =>
  Effect.map(trail.info, ({ config, state }) => config.max_age > 0 && state.first_seq > 1)

const passing = (filter: Filter.Filter) => {
  const predicate = Filter.toPredicate(filter)
  const isWanted = (name: string) => Option.isNone(filter.instance) || filter.instance.value === name
  return (lines: Chunk.Chunk<Reading.StreamLine>): ReadonlyArray<Entry> =>
    Chunk.toReadonlyArray(lines).flatMap(({ instance, line }) =>
      isWanted(instance) ? entryOfLine(instance, line, predicate) : []
    )
}

const tail = (trail: Trail.Trail, shown: string, { filter, isFollowing, lines }: Tail) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { state } = yield* trail.info
      const begin = Stream.fromEffect(last(trail, filter, lines, state))
      return isFollowing ? Stream.concat(begin, added(trail, shown, filter, state.last_seq)) : begin
    })
  )

interface Extent {
  readonly first_seq: number
  readonly last_seq: number
}

/** Reads no more of the stream than it needs: a message has at least one line. */
const last = (trail: Trail.Trail, filter: Filter.Filter, count: number, { first_seq, last_seq }: Extent) =>
  Effect.gen(function* () {
    const pick = passing(filter)
    for (let span = count; ; span *= 4) {
      const after = Math.max(first_seq - 1, last_seq - span)
      let found: ReadonlyArray<Entry> = []
      yield* Stream.runForEachChunk(Reading.lines(trail, after), (lines) =>
        Effect.sync(() => {
          const entries = [...found, ...pick(Chunk.filter(lines, ({ sequence }) => sequence <= last_seq))]
          found = entries.slice(Math.max(0, entries.length - count))
        })
      )
      if (found.length >= count || after <= first_seq - 1) return found
    }
  })

const added = (trail: Trail.Trail, shown: string, filter: Filter.Filter, from: number) => {
  const pick = passing(filter)
  let seen = from
  const next = Effect.gen(function* () {
    for (;;) {
      const { state } = yield* trail.info
      if (state.last_seq <= seen) {
        yield* Effect.sleep(interval)
        continue
      }
      const found = yield* Stream.chunks(Reading.lines(trail, seen)).pipe(
        Stream.filter(Chunk.isNonEmpty),
        Stream.runHead
      )
      // Parts of a record are no lines, and are found with their last one.
      seen = Option.match(found, {
        onNone: () => state.last_seq,
        onSome: (lines) => Chunk.lastNonEmpty(lines).sequence
      })
      if (Option.isSome(found)) return pick(found.value)
    }
  })
  return Stream.repeatEffect(patiently(shown)(next))
}
