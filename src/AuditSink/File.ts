/**
 * Audit records in a file, one line of JSON each.
 *
 * `write` succeeds once the operating system has the whole batch, `sync` once it is fsynced: an acknowledged record survives a
 * crash of the program and a loss of power, as far as the disk keeps what it confirms. A batch that fails is cut off the file
 * again, so that its records, when they are given again, are stored once. What a crash leaves of a line is moved to
 * `<path>.torn` when the file is next opened. One program at a time has the file.
 *
 * The file is a trail: it records when it is opened and closed, and what happened to it (`BuiltInEvents`). With `maxBytes` or
 * `rotateEvery` it is rotated: old files are `<path>.000001`, `<path>.000002`, … and stay until `keep` says otherwise. With
 * `chain` each record is linked to the one before it, through rotation and restarts, and with `seals` the chain is signed.
 *
 * @example
 * import { FileSystem } from "@effect/platform"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import * as AuditRecord from "effect-registrar/AuditRecord"
 * import { AuditSink } from "effect-registrar/AuditSink"
 * import * as FileSink from "effect-registrar/AuditSink/File"
 * import { Effect } from "effect"
 *
 * const record = AuditRecord.make({
 *   level: "INFO",
 *   date: "2024-01-31T12:00:00.000Z",
 *   message: "The backup is complete",
 *   event: { type: "backup-complete", details: {} },
 *   source: "backup"
 * })
 *
 * const program = Effect.gen(function* () {
 *   const fs = yield* FileSystem.FileSystem
 *   const path = `${yield* fs.makeTempDirectoryScoped()}/audit.log.jsonl`
 *   const sink = yield* FileSink.make({ path, maxBytes: 10_000_000, keep: { files: 20 }, chain: true })
 *   yield* sink.write([record])
 *   yield* sink.sync
 *   console.log((yield* fs.readFileString(path)).includes("The backup is complete")) // true
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
 */
import { FileSystem } from "@effect/platform"
import {
  Array as Arr,
  Context,
  DateTime,
  Duration,
  Effect,
  Either,
  Layer,
  Option,
  Redacted,
  Schema,
  type Scope
} from "effect"
import * as AuditChain from "../AuditChain.js"
import type * as AuditEvent from "../AuditEvent.js"
import * as AuditRecord from "../AuditRecord.js"
import { AuditSink, AuditSinkError, bestEffort, type Service } from "../AuditSink.js"
import * as BuiltInEvents from "../BuiltInEvents.js"
import * as LogFile from "../internal/logFile.js"
import { fromPlatform } from "../internal/logFileError.js"

/**
 * @category models
 */
export interface Options extends LogFile.Options {
  /** Links each record to the one before it: see `AuditChain`. Default: only where there are `seals`. */
  readonly chain?: boolean | undefined
  /** Signs the chain. */
  readonly seals?: Seals | undefined
}

/**
 * How the chain is sealed. A seal is made when the file is opened, closed and rotated, and in between as said here.
 *
 * @category models
 */
export interface Seals {
  /**
   * Ed25519 private keys in PEM, or the files that hold them. While keys are exchanged, the old one and the new one seal
   * together.
   */
  readonly keys: Arr.NonEmptyReadonlyArray<Redacted.Redacted | { readonly file: string }>
  /** A seal after so many records, at the latest. Default: 1,000. */
  readonly everyRecords?: number | undefined
  /** A seal after so long, where there is anything to seal. Default: 1 minute. */
  readonly every?: Duration.DurationInput | undefined
  /**
   * A second place for the seals, on another disk or another machine: that records were cut off the end can be noticed only
   * against something that is kept elsewhere. It is written to as if by `bestEffort`, once what it seals is durable.
   */
  readonly to?: Layer.Layer<AuditSink, AuditSinkError, FileSystem.FileSystem> | undefined
}

/**
 * Opens the file until the scope is closed. Fails when it cannot be written to, or when another program has it open.
 *
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, AuditSinkError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const sealer = options.seals === undefined ? undefined : yield* makeSealer(options.path, options.seals)
    const isChained = options.chain === true || sealer !== undefined
    const file = yield* isChained ? LogFile.open(options, chained(sealer)) : LogFile.open(options, unchained)

    // A failed batch may be stored in part, where it went over the end of a file, and is given again as a whole.
    const stored = new WeakSet<AuditRecord.AuditRecord>()
    let given: ReadonlyArray<AuditRecord.AuditRecord> = []
    // Interrupted before it remembers, it would store records twice.
    const remember = (storing: Effect.Effect<void, LogFile.LogFileError>) =>
      Effect.tapError(storing, (error) =>
        Effect.sync(() => given.slice(0, error.written).forEach((record) => stored.add(record)))
      ).pipe(Effect.mapError(toSinkError(options.path)), Effect.uninterruptible)

    return {
      write: (batch) =>
        Effect.suspend(() => {
          given = batch.filter((record) => !stored.has(record))
          return remember(file.write(given.map((record) => record.line)))
        }),
      sync: remember(file.sync)
    } satisfies Service
  }).pipe(Effect.mapError((error) => (error instanceof AuditSinkError ? error : toSinkError(options.path)(error))))

/**
 * The sink as a Layer, open for as long as the Layer is.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<AuditSink, AuditSinkError, FileSystem.FileSystem> =>
  Layer.scoped(AuditSink, make(options))

const toSinkError =
  (path: string) =>
  ({ reason, description, cause }: LogFile.LogFileError) =>
    new AuditSinkError({ sink: `file ${path}`, reason, description, cause })

/** What the trail says about itself. Nobody but the sink knows it. */
const own = (event: AuditEvent.Any, params: object, now: number) =>
  AuditRecord.fromEvent(event, params, {
    source: "effect-registrar",
    date: DateTime.formatIso(DateTime.unsafeMake(now))
  }).record

/** The records for what has happened to the file. */
const recordsOf = (occasion: LogFile.Occasion, wasClosed: boolean, before: number | null, now: number) => {
  switch (occasion._tag) {
    case "Opened": {
      const { torn } = occasion
      const recovered = { tornBytes: torn?.bytes ?? 0, keptIn: torn?.keptIn ?? null }
      return [
        ...(wasClosed && torn === undefined ? [] : [own(BuiltInEvents.TrailRecovered, recovered, now)]),
        own(BuiltInEvents.TrailStarted, {}, now)
      ]
    }
    case "Continued":
      return [own(BuiltInEvents.TrailContinued, { reason: occasion.reason }, now)]
    case "Trimming":
      return [own(BuiltInEvents.TrailTrimmed, { files: occasion.files, before }, now)]
    case "Closing":
      return [own(BuiltInEvents.TrailStopped, {}, now)]
    case "Passed":
    case "Full":
    case "Retiring":
      return []
  }
}

/** Whether a trail that ends with this line was closed, or has not begun. */
const isClosed = (lastLine: string | undefined): boolean =>
  lastLine === undefined ||
  Either.match(AuditRecord.fromLine(lastLine), {
    onLeft: () => false,
    onRight: ({ event }) => event.type === BuiltInEvents.TrailStopped.type
  })

interface Unchained {
  readonly wasClosed: boolean
}

const unchained: LogFile.Format<Unchained> = {
  isSound: LogFile.isJson,
  isCheckpoint: () => false,
  // The last line may be chained: a second place for seals holds nothing else.
  resume: (lastLine) => ({ state: { wasClosed: isClosed(lastLine) }, needsNewFile: false }),
  line: (state, line) => [line + "\n", state],
  isFull: () => false,
  note: (state, occasion, now) => [
    recordsOf(occasion, state.wasClosed, null, now)
      .map((record) => record.line + "\n")
      .join(""),
    state
  ],
  settled: () => Effect.void
}

interface Chained {
  readonly wasClosed: boolean
  readonly head: AuditChain.Head
  /** Records since the last seal, and when that was made. */
  readonly unsealed: number
  readonly sealedAt: number
  /** Those that the second place may not have. */
  readonly seals: ReadonlyArray<StoredSeal>
}

interface StoredSeal {
  readonly record: AuditRecord.AuditRecord
  readonly seq: number
}

const chained = (sealer: Sealer | undefined): LogFile.Format<Chained> => {
  const link = (state: Chained, line: string, mark?: AuditChain.Mark): readonly [string, Chained] => {
    const linked = AuditChain.link(state.head, line, mark)
    return [linked.line + "\n", { ...state, head: linked.head, unsealed: state.unsealed + 1 }]
  }

  /** The record seals everything before it. */
  const sealed = (state: Chained, record: AuditRecord.AuditRecord, now: number): readonly [string, Chained] => {
    if (sealer === undefined) return link(state, record.line)
    const linked = AuditChain.link(state.head, record.line, { seal: sealer.seal(state.head, record.date) })
    const seals = [...sealer.unsent(state.seals), { record: { ...record, line: linked.line }, seq: linked.head.seq }]
    return [linked.line + "\n", { ...state, head: linked.head, unsealed: 0, sealedAt: now, seals }]
  }

  const seal = (state: Chained, now: number) =>
    sealed(state, own(BuiltInEvents.TrailSealed, { seq: state.head.seq }, now), now)

  const isSealDue = (state: Chained, occasion: LogFile.Occasion, now: number) => {
    if (sealer === undefined || state.unsealed === 0) return false
    return occasion._tag !== "Passed" || now - state.sealedAt >= sealer.everyMillis
  }

  return {
    isSound: (line) => Option.isSome(AuditChain.headOf(line)) || isUnchained(line),
    isCheckpoint: (line) => AuditChain.isSeal(Buffer.from(line).toString("latin1")),
    resume: (lastLine) => {
      const head = lastLine === undefined ? Option.none() : AuditChain.headOf(lastLine)
      return {
        state: {
          wasClosed: isClosed(lastLine),
          head: Option.getOrElse(head, () => AuditChain.genesis),
          unsealed: 0,
          sealedAt: 0,
          seals: []
        },
        needsNewFile: lastLine !== undefined && Option.isNone(head)
      }
    },
    line: (state, line) => link(state, line),
    isFull: (state) => sealer !== undefined && state.unsealed >= sealer.everyRecords,
    note: (state, occasion, now) => {
      if (occasion._tag === "Trimming") {
        const before = firstSeq(occasion.next, state.head.seq + 1)
        const [record] = recordsOf(occasion, true, before, now)
        const [text, after] = link(state, record!.line, before === null ? undefined : { trimmed: { before } })
        if (sealer === undefined) return [text, after]
        // Only what is sealed tells a verifier that they were not stolen, and it may look as soon as they are gone.
        const [more, sealed] = seal(after, now)
        return [text + more, sealed]
      }
      const records = recordsOf(occasion, state.wasClosed, null, now)
      if (records.length === 0) return isSealDue(state, occasion, now) ? seal(state, now) : ["", state]
      return records.reduce<readonly [string, Chained]>(
        ([text, before], record) => {
          const [next, after] = sealed(before, record, now)
          return [text + next, after]
        },
        ["", state]
      )
    },
    settled: (state) => sealer?.settled(state.seals) ?? Effect.void
  }
}

/** A line from before the trail was chained. */
const isUnchained = (line: Uint8Array): boolean => Option.isSome(decodeUnchained(Buffer.from(line).toString()))

const decodeUnchained = Schema.decodeOption(
  Schema.parseJson(Schema.Struct({ chain: Schema.optional(Schema.Undefined) }))
)

/** The sequence number of a line that stands first in what is left; where that is not chained, nobody can say it. */
const firstSeq = (line: string | undefined, next: number): number | null =>
  line === undefined ? next : Option.match(AuditChain.headOf(line), { onNone: () => null, onSome: ({ seq }) => seq })

interface Sealer {
  readonly everyRecords: number
  readonly everyMillis: number
  readonly seal: (head: AuditChain.Head, date: string) => AuditChain.Seal
  /** Those that the second place was not given. */
  readonly unsent: (seals: ReadonlyArray<StoredSeal>) => ReadonlyArray<StoredSeal>
  /** Gives what is durable to the second place. A seal of what may be lost would accuse an honest log. */
  readonly settled: (seals: ReadonlyArray<StoredSeal>) => Effect.Effect<void>
}

const makeSealer = (path: string, seals: Seals) =>
  Effect.gen(function* () {
    const keys = yield* Effect.forEach(seals.keys, (key) => readKey(path, key))
    const { every = "1 minute", everyRecords = 1000 } = seals
    if (!Number.isInteger(everyRecords) || everyRecords < 1) {
      return yield* unusable(path, `seals.everyRecords must be a whole number above 0, not ${everyRecords}`)
    }
    if (Option.isNone(Duration.decodeUnknown(every)) || Duration.toMillis(every) <= 0) {
      return yield* unusable(path, `seals.every must be a duration such as "1 minute", not ${String(every)}`)
    }
    const outside = seals.to === undefined ? undefined : yield* secondPlace(seals.to)
    let sent = 0
    const unsent = (stored: ReadonlyArray<StoredSeal>) =>
      outside === undefined ? [] : stored.filter(({ seq }) => seq > sent)

    const sealer: Sealer = {
      everyRecords,
      everyMillis: Duration.toMillis(every),
      seal: (head, date) => AuditChain.seal(head, { date, every: everyRecords, keys }),
      unsent,
      settled: (stored) =>
        Effect.suspend(() => {
          const records = unsent(stored).map(({ record }) => record)
          if (outside === undefined || !Arr.isNonEmptyReadonlyArray(records)) return Effect.void
          sent = stored.at(-1)!.seq
          return Effect.ignore(Effect.zipRight(outside.write(records), outside.sync))
        })
    }
    return sealer
  })

/** Opened strictly, because a second place that is not there protects nothing; then it must not hold up the trail. */
const secondPlace = (to: NonNullable<Seals["to"]>) =>
  Effect.gen(function* () {
    const opened = Context.get(yield* Layer.build(to), AuditSink)
    const decoupled = bestEffort()(Layer.succeed(AuditSink, opened))
    return Context.get(yield* Layer.build(decoupled), AuditSink)
  })

const readKey = (path: string, key: Seals["keys"][number]) =>
  Effect.gen(function* () {
    if (Redacted.isRedacted(key)) return yield* signingKey(path, "a key of seals.keys", key)
    const fs = yield* FileSystem.FileSystem
    const pem = yield* Effect.mapError(fs.readFileString(key.file), (error) =>
      unusable(path, fromPlatform(key.file)(error).description)
    )
    return yield* signingKey(path, `'${key.file}'`, Redacted.make(pem))
  })

const signingKey = (path: string, origin: string, pem: Redacted.Redacted) =>
  Effect.mapError(AuditChain.signingKey(pem), (error) => unusable(path, `${origin}: ${error.message}`))

const unusable = (path: string, description: string) =>
  new AuditSinkError({ sink: `file ${path}`, reason: "Unwritable", description })
