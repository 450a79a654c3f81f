/**
 * Where the trails of many instances are kept together, and searched.
 *
 * An instance is one writer of a fleet, named by the application. It has one chain, from sequence number 1 on, and so
 * (instance, seq) names a record. The store takes each record once, however often it is given, and takes no chain with a gap or a
 * fork in it. `AuditSink/Sql` keeps one in PostgreSQL or SQLite.
 *
 * @example
 * import { AuditStore } from "effect-registrar"
 * import { Effect, Stream } from "effect"
 *
 * const failedLogins = Effect.gen(function* () {
 *   const store = yield* AuditStore.AuditStore
 *   const page = yield* store.page({ types: ["auth-login-failed"], user: "ada" }, { limit: 50 })
 *   const all = store.stream({ level: "Error", order: "oldest-first" })
 *   return { latest: page.records.map(({ record }) => record.message), errors: yield* Stream.runCount(all) }
 * })
 */
import { type Array as Arr, type Chunk, Context, Data, type DateTime, Effect, Either, Option, Stream } from "effect"
import * as AuditChain from "./AuditChain.js"
import type * as AuditEvent from "./AuditEvent.js"
import * as AuditFleet from "./AuditFleet.js"
import * as AuditRecord from "./AuditRecord.js"

/**
 * A record in its place: `record.line` is chained, and `seq`, `prev` and `hash` are what its chain says.
 *
 * @category models
 */
export interface StoredRecord {
  readonly instance: string
  readonly seq: number
  /** The hash of the record before it. */
  readonly prev: string
  readonly hash: string
  readonly record: AuditRecord.AuditRecord
}

/**
 * How far the chain of an instance goes.
 *
 * @category models
 */
export interface Instance {
  readonly name: string
  readonly head: AuditChain.Head
}

/**
 * Which records are asked for: those to which all that is given applies.
 *
 * @category models
 */
export interface Query {
  readonly instance?: string | undefined
  /** Of any of these events. In a text, `*` stands for anything. */
  readonly types?: ReadonlyArray<string | AuditEvent.Any> | undefined
  /** Of this level or a higher one. */
  readonly level?: AuditEvent.Level | undefined
  readonly user?: string | undefined
  readonly ip?: string | undefined
  readonly requestId?: string | undefined
  /** From this moment on. */
  readonly since?: DateTime.DateTime | undefined
  /** Before this moment. */
  readonly until?: DateTime.DateTime | undefined
  /** Words that all stand in the message, in any order and in any case. */
  readonly text?: string | undefined
  /** By date; records of one millisecond by instance and sequence number. Default: `"newest-first"`. */
  readonly order?: Order | undefined
}

/**
 * @category models
 */
export type Order = "newest-first" | "oldest-first"

/**
 * A place in the answer to a query, as text. It stays good while records are added, and is that of the same query only.
 *
 * @category models
 */
export type Cursor = string

/**
 * A part of the answer to a query. Without `next`, there was nothing after it.
 *
 * @category models
 */
export interface Page {
  readonly records: ReadonlyArray<StoredRecord>
  readonly next: Cursor | undefined
}

/**
 * What chains are appended to.
 *
 * @category models
 */
export interface Ledger {
  /** As it is named in errors. */
  readonly name: string

  /** The first and the last line of an instance, where there is any. */
  readonly ends: (instance: string) => Effect.Effect<Ends, AuditStoreError>

  /**
   * Succeeds once all the records are durable. Those of one instance are consecutive. A record that is there already is not
   * stored again, and where its place is taken by another one, or the one before it is missing, nothing of that instance is stored.
   */
  readonly append: (records: Arr.NonEmptyReadonlyArray<StoredRecord>) => Effect.Effect<void, AuditStoreError>
}

/**
 * @category models
 */
export interface Ends {
  readonly first: string | undefined
  readonly last: string | undefined
  /** How far the chain goes, where that is known without its last record. */
  readonly head?: AuditChain.Head | undefined
}

/**
 * A line as it is stored, whatever it is.
 *
 * @category models
 */
export interface StoredLine {
  readonly instance: string
  /** What the store finds it by. */
  readonly seq: number
  readonly line: string
  /** The names of what the store finds it by, where the line says otherwise. */
  readonly differing: ReadonlyArray<string>
}

/**
 * @category models
 */
export interface Service extends Ledger {
  /** All that have ever written here, by name. */
  readonly instances: Effect.Effect<ReadonlyArray<Instance>, AuditStoreError>

  /** The records that are asked for, at most `limit` of them (100 unless said otherwise, at most 10,000), after the cursor. */
  readonly page: (
    query: Query,
    options?: { readonly limit?: number | undefined; readonly after?: Cursor | undefined }
  ) => Effect.Effect<Page, AuditStoreError>

  /** All records that are asked for, read as they are consumed. Those that are added meanwhile may come or not. */
  readonly stream: (query?: Query) => Stream.Stream<StoredRecord, AuditStoreError>

  /** The lines of one instance in the order of its chain, after the sequence number. */
  readonly chain: (
    instance: string,
    options?: { readonly after?: number | undefined }
  ) => Stream.Stream<StoredRecord, AuditStoreError>

  /**
   * All lines as they are stored, by instance and then by sequence number, or those of one instance, or after a sequence number. What
   * no honest program has written comes as well: `verify` says what is wrong with it.
   */
  readonly lines: (options?: {
    readonly instance?: string | undefined
    readonly after?: number | undefined
  }) => Stream.Stream<StoredLine, AuditStoreError>
}

/**
 * @category services
 */
export class AuditStore extends Context.Tag("effect-registrar/AuditStore")<AuditStore, Service>() {}

/**
 * Verifies all chains, and that they are as the store says. Programs may go on writing: what they add meanwhile is read as well, up to
 * where the chains are when the rest was read. `onProgress` is told how many records were read, now and then.
 *
 * @category verification
 */
export const verify = (
  options: Omit<AuditFleet.Options, "source"> & {
    readonly onProgress?: ((records: number) => Effect.Effect<void>) | undefined
  } = {}
): Effect.Effect<AuditFleet.Report, AuditStoreError, AuditStore> =>
  Effect.gen(function* () {
    const store = yield* AuditStore
    const { onProgress = () => Effect.void, ...given } = options
    const verifier = AuditFleet.verifier({ ...given, source: "store" })
    const encoder = new TextEncoder()
    let records = 0
    const take = (lines: Chunk.Chunk<StoredLine>) =>
      Effect.suspend(() => {
        records += lines.length
        for (const { differing, instance, line } of lines) verifier.record(instance, encoder.encode(line), differing)
        return onProgress(records)
      })
    yield* Stream.runForEachChunk(store.lines(), take)
    const heads = yield* store.instances
    for (const { head, name } of heads) {
      const after = verifier.seqOf(name)
      if (after >= head.seq) continue
      const added = Stream.takeWhile(store.lines({ instance: name, after }), ({ seq }) => seq <= head.seq)
      yield* Stream.runForEachChunk(added, take)
    }
    return verifier.end({ heads })
  })

/**
 * The store could not be read or written. `reason` is for decisions: `"Full"`, `"Unavailable"`, `"Unwritable"` and
 * `"Misconfigured"` are those of `AuditSinkError`. `"Forked"`: the place of a record is taken by another one, because two programs write
 * as one instance, or somebody has changed the store. `"Missing"`: the record before is not there. `"InvalidQuery"`: the query makes no
 * sense, or the cursor is none.
 *
 * @category errors
 */
export class AuditStoreError extends Data.TaggedError("AuditStoreError")<{
  readonly store: string
  readonly reason: "Full" | "Unavailable" | "Unwritable" | "Misconfigured" | "Forked" | "Missing" | "InvalidQuery"
  readonly description: string
  readonly cause?: unknown
}> {
  override get message() {
    return `The audit store '${this.store}' failed: ${this.description}`
  }
}

/**
 * The record that a chained line holds.
 *
 * @category constructors
 */
export const fromLine = (instance: string, line: string): Either.Either<StoredRecord, AuditRecord.InvalidRecord> =>
  Either.flatMap(AuditRecord.fromLine(line), (record) =>
    Either.fromOption(
      fromRecord(instance, record),
      () => new AuditRecord.InvalidRecord({ reason: "it is not chained" })
    )
  )

/**
 * The same of a record; none where its line is not chained.
 *
 * @category constructors
 */
export const fromRecord = (instance: string, record: AuditRecord.AuditRecord): Option.Option<StoredRecord> =>
  Option.map(AuditChain.linkOf(record.line), ({ hash, prev, seq }) => ({ instance, seq, prev, hash, record }))

/**
 * What is wrong with the name of an instance, if anything. Names are parts of keys, of subjects and of files.
 *
 * @category guards
 */
export const problemOfInstance = (name: string): string | undefined =>
  /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(name) && name.length <= 128
    ? undefined
    : `the name of an instance has letters, digits, '-', '_' and single dots between them, at most 128 in all, which '${name.slice(0, 200)}' has not`
